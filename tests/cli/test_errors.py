"""A person's mistakes and a broker's surprises: one clear line each, exit code 2, or a new
connection, and nothing lost."""

from __future__ import annotations

import gzip
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.sim.launch import generated
from engine.sim.server import SimServer
from tests.cli.conftest import Cli, Ended, Here

HEAD = "time_ms,kind,price,size\n"


def refused(done: Ended, *words: str) -> None:
    assert done.code == 2, done
    assert done.err.startswith("engine: ")
    assert done.err.count("\n") == 1, done.err
    for word in words:
        assert word in done.err


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("ticks.csv", HEAD, ["SYMBOL-YYYYMMDD"]),
        ("IBM-20240103.csv", HEAD, ["no ticks"]),
        ("IBM-20240103.csv", HEAD + "34200000,B,10,100\n34200001,X,10,100\n", ["line 3", "'X'"]),
        ("IBM-20240103.csv.gz", "not gzip", ["gzip"]),
        ("IBM-20240103.csv", None, ["No such file"]),
        ("nothing.csv", None, ["cannot be read", "No such file"]),
    ],
)
def test_a_tick_file(here: Here, name: str, body: str | None, words: list[str]) -> None:
    if body is not None:
        (here.folder / name).write_text(body)

    refused(here("run", "--ticks", name, "--for", "5s"), name, *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--spped", "3"], ["--spped", "--speed"]),
        (["run", "--speed", "fast"], ["--speed", "number"]),
        (["sims"], ["'sims'", "'sim'"]),
    ],
)
def test_a_command_line(here: Here, words: list[str], said: list[str]) -> None:
    refused(here(*words), *said)


def test_a_key_that_no_setting_has(here: Here) -> None:
    (here.folder / "c.toml").write_text('[strategy]\nsymbols = ["A"]\ncooldwn = 3\n')

    refused(here("run", "--config", "c.toml"), "c.toml", "cooldwn", "cooldown_s")


def test_a_tick_file_that_ends_early_is_refused_before_anybody_trades(
    here: Here, ticks: Callable[..., Path]
) -> None:
    whole = gzip.compress(ticks(minutes=5).read_bytes())
    (here.folder / "IBM-20240104.csv.gz").write_bytes(whole[: len(whole) // 2])

    done = here("run", "--ticks", "IBM-20240104.csv.gz", "--journal", "J")

    refused(done, "IBM-20240104.csv.gz", "end early")
    assert done.out == ""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"at": 1', [":1:", "not JSON"]),
        ('\n{"at": 1, "ticker": "IBM", "signal": "BUY"}', [":2:", "confidence"]),
        (None, ["cannot be read"]),
    ],
)
def test_a_signal_file(here: Here, body: str | None, words: list[str]) -> None:
    if body is not None:
        (here.folder / "S.jsonl").write_text(body)

    refused(here("run", "--signals", "S.jsonl", "--for", "5s"), "S.jsonl", *words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x = = 1", ["not valid TOML", "line 1"]),
        ('[strategy]\nsymbols = ["IBM"]\nwrong = 1\n', ["wrong", "strategy"]),
        ('[strategy]\nsymbols = ["IBM"]\n[broker]\nport = 0\n', ["port"]),
        ('[strategy]\nsymbols = ["IBM"]\n[broker]\nlive = true\n', ["--live"]),
        (None, ["cannot be read"]),
    ],
)
def test_a_config(here: Here, body: str | None, words: list[str]) -> None:
    if body is not None:
        (here.folder / "c.toml").write_text(body)

    refused(here("run", "--config", "c.toml", "--for", "5s"), "c.toml", *words)


def test_a_journal_that_is_none_is_left_alone(here: Here) -> None:
    (here.folder / "J").write_text("somebody's letter")

    refused(here("run", "--journal", "J"), "J: not a journal")

    assert (here.folder / "J").read_text() == "somebody's letter"


def test_a_journal_of_another_version(engine: Cli) -> None:
    first = engine("run", "--journal", "J", "--for", "1s")
    with sqlite3.connect(engine.folder / "J") as journal:
        journal.execute("UPDATE meta SET value = '99' WHERE key = 'version'")

    assert first.code == 0, first.err
    refused(engine("run", "--journal", "J"), "J: written in version 99")


def test_the_state_of_a_simulator_that_is_none(here: Here) -> None:
    (here.folder / "J-sim").write_text("{}")

    refused(here("run", "--journal", "J"), "J-sim", "remove it")


# -- the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "7497", "--ticks", "IBM-20240103.csv"], ["--ticks"]),
        (["--live"], ["account"]),
        (["--for", "3x"], ["3x", "30s"]),
        (["--speed", "0"], ["--speed 0"]),
        (["--symbols", "ibm"], ["ibm"]),
        (["--host", "192.0.2.1"], ["192.0.2.1", "remote_ok"]),
        (["--json", "nowhere/out.json"], ["nowhere"]),
        (["--account", "U1234567"], ["live account", "U1234567"]),
    ],
)
def test_an_option(here: Here, arguments: list[str], words: list[str]) -> None:
    (here.folder / "IBM-20240103.csv").touch()
    refused(here("run", *arguments), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy", "nothing=1"], ["nothing", "stop_status"]),
        (["--policy", "pending_cancel=maybe"], ["pending_cancel", "true or false"]),
        (["--day", "tomorrow"], ["YYYYMMDD"]),
        (["--day", "99991230"], ["99991230", "1970 to 2261"]),
        (["--speed", "1e6"], ["below 1e+06"]),
        (["--max-server-version", "100"], ["176"]),
        (["--symbols", "a"], ["'a'"]),
    ],
)
def test_an_option_of_the_simulator(here: Here, arguments: list[str], words: list[str]) -> None:
    refused(here("sim", "--port", "0", *arguments), *words)


# -- the other side ----------------------------------------------------------------------------


@contextmanager
def listening(answer: bytes = b"") -> Iterator[int]:
    """Accepts whoever comes, says ``answer``, and then nothing."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in held:
        connection.close()


def impatient(folder: Path, port: int) -> Path:
    path = folder / "c.toml"
    path.write_text(
        f'[strategy]\nsymbols = ["IBM"]\n[broker]\nport = {port}\n'
        "handshake_timeout_s = 0.3\nretry_first_s = 0.05\n"
    )
    return path


def test_a_port_in_use(here: Here) -> None:
    with listening() as port:
        refused(here("sim", "--port", port), f"port {port}: in use")


def test_nothing_listens(here: Here) -> None:
    with listening() as port:
        pass

    refused(here("run", "--port", port), f"127.0.0.1:{port}", "start TWS")


def test_a_tws_that_accepts_and_stays_silent(here: Here) -> None:
    with listening() as port:
        done = here("run", "--config", impatient(here.folder, port))

    refused(done, f"127.0.0.1:{port}", "said nothing")


def test_something_that_is_not_tws(here: Here) -> None:
    with listening(b"SSH-2.0-OpenSSH_9.6\r\n") as port:
        refused(here("run", "--port", port), f"127.0.0.1:{port}", "not TWS")


class Meddler:
    """Between the engine and a simulator; ``spoil`` puts garbage on the wire to the engine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._clients: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self._target))
            self._clients += [client, upstream]
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            with suppress(OSError):  # one side has gone, so the other is told, too
                while data := source.recv(65536):
                    sink.sendall(data)
        finally:
            for end in (source, sink):
                # Closing alone says nothing to a peer while another thread still receives.
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def spoil(self) -> None:
        self._clients[-2].sendall(b"\xff" * 64)

    def close(self) -> None:
        self._server.close()
        for client in self._clients:
            client.close()


def test_garbage_on_the_socket_means_a_new_connection(engine: Cli) -> None:
    exchange, source = generated(["IBM"])
    with SimServer(exchange, source, hold=True) as server:
        meddler = Meddler(server.port)
        config = impatient(engine.folder, meddler.port)
        config.write_text(config.read_text().replace("0.3", "5"))
        process = engine.start("run", "--config", config, "--json", "out.json")
        engine.until(process, "syncing -> live")
        meddler.spoil()
        lines = engine.until(process, "syncing -> live")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        meddler.close()

    assert process.returncode == 0
    assert any("live -> lost" in line and "out of step" in line for line in lines)
    assert engine.report("out.json")["sessions"] == 2


def test_a_simulator_that_dies_is_told_in_one_line(engine: Cli) -> None:
    process = engine.start("run", "--journal", "J")
    engine.until(process, "syncing -> live")
    running = engine.simulator("J")
    assert running is not None
    running.stop()
    _, err = process.communicate(timeout=30)

    refused(Ended(process.returncode, "", err), "engine: the simulator has ended\n")
