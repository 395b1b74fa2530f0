"""``engine reload``, and SIGHUP: the file of a running engine is read again."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from typing import TYPE_CHECKING

import attrs

from engine.cli.options import RunOptions
from engine.cli.settings import RunSettings, settings_of
from engine.errors import LimitError, UserError
from engine.settings_change import changes, check_changes

if TYPE_CHECKING:
    from engine.engine import Engine


class Reloader:
    """Reads the settings of a run again. May be called from any thread but the writer's."""

    def __init__(self, options: RunOptions, settings: RunSettings, engine: Engine) -> None:
        self._options = options
        self._read = settings.config  # as they were read last
        self._engine = engine
        self._lock = threading.Lock()

    def __call__(self) -> tuple[str, ...]:
        """What has changed.

        Raises:
            UserError: nothing has, because the file is wrong or changes what cannot change, or
                nobody knows yet; that is on record, too.
        """
        try:
            with self._lock:
                return self._reloaded()
        except UserError as problem:
            self._notice(f"settings stay as they are: {problem}")
            raise
        except TimeoutError:
            self._notice(
                "no answer about the settings yet: the engine is connecting and may still take them"
            )
            raise UserError(
                "the engine is connecting and may still take them, which it would say; if not, "
                "ask again"
            ) from None
        except LimitError as problem:
            raise UserError(str(problem)) from None

    def _notice(self, text: str) -> None:
        with contextlib.suppress(LimitError):  # it is ending
            self._engine.notice("warning", text)

    def _reloaded(self) -> tuple[str, ...]:
        path = self._options.config
        if path is None:
            raise UserError("it runs without a file of settings: nothing to read again")
        settings = settings_of(self._options)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        check_changes(list(changes(self._read, settings.config)))
        now = self._engine.config  # the broker's address in it is that of the simulator
        wanted = attrs.evolve(settings.config, broker=now.broker, signals=now.signals)
        changed = self._engine.reload(wanted, str(path), digest)
        self._read = settings.config
        return changed
