"""The repository checks its own shape.

Imports go downwards only, the outside world is touched where it may be, modules stay small, and
nothing generated or large is committed. A module that ``ENGINE`` does not name fails the test:
give it its place in the order.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _words(text: str) -> list[str]:
    return text.split()


# Top to bottom: a module imports only modules above it. Planned modules may stand here before
# they exist.
ENGINE = _words(
    """
    version records errors loggers redaction child_process money reasons plans inputs commands
    events toml_lines
    rules.checks rules.mistakes rules.windows rules.comparisons rules.indicators rules.conditions
    rules.readings rules.judging rules.actions rules.tokens rules.cursor rules.names
    rules.expression rules.wording rules.forms rules.rule rules.templates rules.strategy rules
    sources web.settings monitor.log_settings config settings_file dangers settings_schema
    settings_text
    event_streams bus
    charts sizing deadlines positions orders tranches contexts wants exits rivals groups brackets
    recent risk state copies invariants outbox tws_errors watches holdings crowd portfolio
    account entries adds stops foreign reports
    direct rulebook armed intents halts executions decisions settlement truth core calm stillness
    daybook
    codec disk journal_files journal_store journal_chain snapshots journal
    image recovery retrace recorder capture
    broker.errors broker.clock broker.pacing broker.templates broker.library broker.definitions
    broker.requests broker.order_messages broker.historical_data broker.inbound broker.history
    broker.sync broker.account_question broker.feed
    broker.accounts broker.transport broker.sockets broker.connection broker.link broker.handshake
    broker.upstream broker.session
    signals.schema signals.files
    signals.rates signals.keys signals.intake signals.envelope signals.quota signals.monitor
    signals.signature signals.listening signals.http_server signals.webhook_stream
    signals.webhook_server signals.webhook_child signals.webhook signals.tail signals.ways
    signals.demo_api
    control inbox view readiness sampler headroom guards idling halt_file market_views
    armory refusals answers patience latencies collector runtime
    scheduled_signals handles order_manager
    rule_engine settings_change controller tracker
    sim.timers sim.conditions sim.records sim.policies sim.profiles sim.limits
    sim.order_types sim.instruments sim.hours
    sim.history sim.account sim.market sim.past_ticks sim.book sim.orders sim.checks
    sim.matching sim.oracle
    sim.faults sim.fault_script sim.fault_draw sim.fault_plan
    sim.interference sim.ledger sim.floor sim.release sim.preview sim.order_entry sim.incidents
    sim.exchange sim.wireless
    sim.delivery
    sim.wire_time sim.wire_fields sim.wire_text_reader sim.wire_conditions
    sim.wire_messages sim.wire_lists sim.wire_ticks sim.wire_encoder sim.wire_values
    sim.wire_text sim.wire_protobuf sim.wire_mixed sim.wire_forms sim.wire_orders sim.wire_asks
    sim.wire_requests sim.wire
    sim.streams sim.delayed sim.history_stream sim.depth sim.scanner sim.client sim.audience
    sim.desk sim.answers
    sim.answers_account sim.answers_orders sim.answers_market sim.answers_history
    sim.answers_contracts sim.answers_scanner sim.answers_research sim.answers_options
    sim.answers_session
    sim.fault_messages sim.fault_acts sim.fault_desk sim.gateway sim.memory
    sim.levels sim.tape
    replay.wire
    ticks.part ticks.columns ticks.parquet ticks.numpy_arrays ticks.lean ticks.day_rows
    ticks.captures ticks.files
    sim.quiet sim.virtual sim.kept_journal sim.bursts
    sim.pace sim.control sim.operations sim.peers sim.server sim.launch sim.child sim.follow
    sim.tws_sim sim.pytest_plugin
    rehearsal engine operations
    monitor.files monitor.table_files monitor.words monitor.tick_rate monitor.journal_lines
    monitor.demo monitor.lines monitor.order_words monitor.explanation monitor.summary
    monitor.supervision monitor.table monitor.remarks monitor.log_lines monitor.log_file monitor.log
    web.access web.static_files web.plain web.look web.sections web.feed
    web.metrics web.watcher web.stories web.history_child web.history web.dashboard
    verify.tickets verify.broker verify.situation verify.drawn verify.situations verify.prints
    verify.steps verify.messages verify.sessions verify.choices verify.world verify.state_laws
    verify.laws verify.explore verify.walks
    verify.scenario verify.rows verify.jobs
    campaign.scenario campaign.draw_host campaign.draw campaign.prices
    campaign.books campaign.stakes campaign.day_curve
    campaign.auditor campaign.witness campaign.prompter campaign.trial
    campaign.shrink campaign.tally campaign.jobs
    backtest.plan backtest.excursions backtest.watch backtest.exposure backtest.ledger
    backtest.figures backtest.trial backtest.report
    report.trade report.exposures report.reading report.groups report.words report.markup
    report.plot report.curves report.trade_chart report.page report.parquet
    sweep.play sweep.grid sweep.crew sweep.cells sweep.inputs sweep.cluster sweep.results
    sweep.rows sweep.tables sweep.heat_map sweep.sweep
    replay.decider replay.other_version replay.difference replay.replay
    replay.tick_files
    cli.words cli.outputs cli.progress cli.options cli.settings cli.broker cli.control cli.journal
    cli.handlers cli.halt_signals cli.reload cli.taken cli.charts cli.run cli.report
    cli.backtest cli.sweep cli.sim cli.verify cli.simulate cli.demo_api cli.check cli.explain
    cli.new cli.replay cli.wire cli.record cli.arguments cli.files cli.sweeps cli.upkeep cli.app
    cli.main cli.__main__
    """
)

STATECHARTS = _words(
    "vocabulary order context bracket oco session lower layout labels picture diagram"
)

# The outside world, and who may touch it. Everybody else is a function of its inputs.
OUTSIDE = frozenset(
    _words(
        """
        asyncio fcntl glob http io multiprocessing os pathlib queue random secrets select
        selectors shutil signal socket socketserver sqlite3 ssl subprocess tempfile threading
        time urllib
        h11 httpx ibapi prometheus_client starlette structlog uvicorn
        """
    )
)
OBSERVERS = frozenset({"asyncio", "queue", "threading"})
FILES = frozenset(
    {"fcntl", "glob", "io", "os", "pathlib", "shutil", "sqlite3", "tempfile", "urllib"}
)
PROCESS = OUTSIDE - {"ibapi", "random"}
SEEDED = frozenset({"random"})  # the same seed gives the same world
MAY_TOUCH = {
    "sources": frozenset({"urllib"}),  # takes URLs apart
    "settings_file": frozenset({"pathlib"}),
    "bus": OBSERVERS,
    "child_process": PROCESS,
    "redaction": frozenset({"threading"}),  # which keys there are, whoever made them
    "event_streams": OBSERVERS,
    "control": PROCESS,  # a socket of this machine's own
    "inbox": frozenset({"os", "queue", "threading"}),  # the one way in, with its wake-up pipe
    "journal": FILES,
    "journal_chain": frozenset({"pathlib"}),
    "journal_files": FILES,
    "journal_store": FILES,
    "disk": FILES,
    "snapshots": FILES,
    "recorder": frozenset({"time"}),  # measures
    "capture": FILES | {"time"},  # dates the records it writes
    "recovery": frozenset({"pathlib"}),
    "halt_file": frozenset({"pathlib"}),
    "readiness": OBSERVERS | {"time"},
    "runtime": PROCESS,
    "handles": OBSERVERS | {"time"},  # waits for what it is told
    "rule_engine": frozenset({"threading"}),
    "controller": frozenset({"threading"}),
    "tracker": frozenset({"threading"}),
    "order_manager": OBSERVERS | {"os", "secrets"},  # names what it places
    "engine": PROCESS,
    "broker.": OUTSIDE - {"random", "sqlite3"},
    "signals.": PROCESS,
    "signals.rates": SEEDED,  # jitter
    "signals.monitor": SEEDED,
    "signals.webhook": SEEDED,
    "signals.demo_api": SEEDED,
    "sim.server": PROCESS,
    "sim.peers": PROCESS,
    "sim.control": PROCESS,
    "sim.operations": PROCESS,
    "sim.launch": PROCESS,
    "sim.child": PROCESS,
    "sim.tws_sim": PROCESS,
    "sim.pace": PROCESS,
    "sim.follow": PROCESS,
    "sim.virtual": frozenset({"os", "select"}),  # the names of what it stands for
    "sim.market": SEEDED | {"pathlib"},  # tick files, or a seeded generator
    "sim.history": SEEDED,
    "sim.policies": SEEDED,
    "sim.fault_plan": SEEDED,
    "sim.fault_messages": SEEDED,
    "sim.fault_draw": SEEDED,
    "sim.fault_script": frozenset({"pathlib"}),  # reads its file
    "sim.delivery": SEEDED,
    "monitor.": PROCESS,
    "monitor.demo": SEEDED,
    "web.": PROCESS,
    "backtest.plan": frozenset({"pathlib"}),  # names its files
    "report.page": frozenset({"pathlib"}),  # its style
    "sweep.play": frozenset({"pathlib"}),  # names its files
    "sweep.grid": frozenset({"pathlib"}),
    "sweep.cells": SEEDED | {"pathlib"},
    "sweep.inputs": frozenset({"pathlib"}),
    "sweep.crew": PROCESS,  # cells side by side
    "sweep.results": FILES,
    "replay.other_version": PROCESS,
    "replay.replay": frozenset({"pathlib"}),
    "replay.wire": frozenset({"pathlib"}),
    "replay.tick_files": FILES,
    "ticks.": FILES,
    "campaign.draw": SEEDED,
    "campaign.draw_host": SEEDED,
    "campaign.jobs": PROCESS,  # seeds side by side
    "verify.drawn": SEEDED,
    "verify.walks": SEEDED,
    "verify.jobs": PROCESS,  # situations side by side
    "cli.": PROCESS,
}
# The compiled side: numpy buffers in, numpy buffers out.
FAST_NEEDS = frozenset({"libc", "cpython", "numpy", "cython", "_fast"})
FAST_MAY_TOUCH = {"reader": frozenset({"os"})}  # it names the errno of a socket

# Two files that are one thing may name each other's types, never each other's code.
TYPES_ONLY = {("sim.book", "sim.orders")}

MAX_LINES = 450
WRITTEN = {"engine/web/static/index.html"}  # by hand, whatever its ending says
MAX_FILE_BYTES = 1_000_000


def _tracked() -> list[str]:
    """Files of the commit to come: known to git, or new and not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip(f"not a git checkout: {listing.stderr.strip()}")
    return sorted(name for name in listing.stdout.splitlines() if (ROOT / name).is_file())


def _modules(package: str) -> dict[str, Path]:
    """Dotted names below a package, without the packages' own ``__init__``."""
    base = ROOT / package
    return {
        ".".join(file.relative_to(base).with_suffix("").parts): file
        for file in sorted(base.rglob("*.py"))
        if file.name != "__init__.py"
    }


def _imports(file: Path, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything a file imports, also inside functions.

    ``from engine import money`` counts as ``engine.money``.
    """
    yield from _imports_of(file.read_text(encoding="utf-8"), package)


@cache
def _statements(source: str) -> list[ast.Import | ast.ImportFrom]:
    """Kept, because several laws look at the same files."""
    nodes = ast.walk(ast.parse(source))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def _imports_of(source: str, package: str) -> Iterator[tuple[int, str]]:
    for node in _statements(source):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        else:
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)


def _roots_of_cython(source: str) -> Iterator[str]:
    """First parts of what a .pyx or .pxd imports or cimports; its own package counts as _fast."""
    pattern = r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+c?import\b|c?import[ \t]+([\w.]+))"
    for match in re.finditer(pattern, source, flags=re.MULTILINE):
        yield (match[1] or match[2]).split(".")[0] or "_fast"


def _known(name: str, order: list[str]) -> str | None:
    """The longest known module that a dotted name starts with."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in order:
            return ".".join(parts[:length])
    return None


def _upward(name: str, imported: list[tuple[int, str]], order: list[str], top: str) -> list[str]:
    """Imports of ``top`` that do not point to a module above ``name``."""
    if name not in order:
        return [f"{top}/{name}: not in the order"]
    faults = []
    for line, target in imported:
        if not target.startswith(f"{top}."):
            continue
        found = _known(target.removeprefix(f"{top}."), order)
        if found is None:
            faults.append(f"{top}/{name} line {line}: {target} is not in the order")
        elif order.index(found) >= order.index(name) and (name, found) not in TYPES_ONLY:
            faults.append(f"{top}/{name} line {line}: {found} is not above it")
    return faults


def _allowed(name: str) -> frozenset[str]:
    return frozenset().union(
        *(
            modules
            for prefix, modules in MAY_TOUCH.items()
            if name == prefix or (prefix.endswith(".") and name.startswith(prefix))
        )
    )


def test_every_module_of_the_engine_has_its_place() -> None:
    assert sorted(set(_modules("engine")) - set(ENGINE)) == []
    assert len(ENGINE) == len(set(ENGINE))
    assert sorted(set(_modules("statecharts")) ^ set(STATECHARTS)) == []


def test_engine_imports_only_downwards() -> None:
    faults = []
    for name, file in _modules("engine").items():
        package = ".".join(["engine", *name.split(".")[:-1]])
        faults += _upward(name, list(_imports(file, package)), ENGINE, "engine")
    assert faults == []


def test_packages_of_the_engine_do_not_import_modules_below_themselves() -> None:
    """An ``__init__`` runs when any of its modules is imported, so it may import only what is
    in its own package, or above it."""
    faults = []
    for file in (ROOT / "engine").rglob("__init__.py"):
        package = ".".join(file.parent.relative_to(ROOT).parts)
        if package == "engine":
            continue  # the public names: they re-export everything, lazily
        for line, target in _imports(file, package):
            if target.startswith("engine.") and not target.startswith(f"{package}."):
                faults.append(f"{package} line {line}: {target}")
    assert faults == []


def test_the_outside_world_is_touched_only_where_it_may_be() -> None:
    faults = []
    for name, file in _modules("engine").items():
        for line, target in _imports(file, "engine"):
            outside = target.split(".")[0]
            if outside in OUTSIDE and outside not in _allowed(name):
                faults.append(f"engine/{name} line {line}: {target}")
    assert faults == []


def test_nothing_outside_the_broker_names_ibapi() -> None:
    users = {
        f"{package}/{name}"
        for package in ("engine", "statecharts")
        for name, file in _modules(package).items()
        for _, target in _imports(file, package)
        if target.split(".")[0] == "ibapi"
    }
    assert {user for user in users if not user.startswith("engine/broker.")} == set()


def test_statecharts_import_the_library_and_themselves_downwards() -> None:
    own = {"statemachine", "statecharts", "__future__"}
    faults = []
    for name, file in _modules("statecharts").items():
        imported = list(_imports(file, "statecharts"))
        roots = {target.split(".")[0] for _, target in imported}
        faults += [f"{name}: {root}" for root in roots - own - set(sys.stdlib_module_names)]
        faults += _upward(name, imported, STATECHARTS, "statecharts")
    assert faults == []


def test_the_hot_path_needs_c_cpython_and_numpy_only() -> None:
    faults = []
    for file in sorted((ROOT / "_fast").glob("*.p[yx][xd]")):
        own = FAST_NEEDS | FAST_MAY_TOUCH.get(file.stem, frozenset())
        allowed = own | (set(sys.stdlib_module_names) - OUTSIDE)
        roots = set(_roots_of_cython(file.read_text(encoding="utf-8")))
        faults += [f"{file.name}: {root}" for root in sorted(roots - allowed)]
    assert faults == []


def test_modules_are_small(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {
        name: len((ROOT / name).read_text(encoding="utf-8").splitlines())
        for name in _tracked()
        if name.endswith((".py", ".pyx"))
        and name.split("/")[0] in {"engine", "_fast", "statecharts"}
    }
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
    with capsys.disabled():
        shown = ", ".join(f"{name} {lines}" for name, lines in largest)
        print(f"\nmodules: {len(sizes)}, lines: {sum(sizes.values())}, largest: {shown}")
    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}


def test_nothing_large_or_generated_is_committed() -> None:
    names = _tracked()
    large = [name for name in names if (ROOT / name).stat().st_size > MAX_FILE_BYTES]
    made = (".c", ".cpp", ".so", ".html", ".pyc")
    generated = [name for name in names if name.endswith(made) and name not in WRITTEN]
    assert (large, generated) == ([], [])


@pytest.mark.parametrize("name", ["engine.money", "engine.sim.records", "engine.commands"])
def test_importing_the_engine_does_not_load_ibapi(name: str) -> None:
    check = f"import sys, {name}; sys.exit('ibapi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False)
    assert done.returncode == 0


# The checks themselves: each must be able to fail.


def test_an_upward_import_is_found() -> None:
    imported = list(_imports_of("from engine import core\nimport engine.money.x", "engine"))
    assert _upward("risk", imported, ENGINE, "engine") == [
        "engine/risk line 1: core is not above it"
    ]


def test_a_module_without_a_place_is_found() -> None:
    assert _upward("gossip", [], ENGINE, "engine") == ["engine/gossip: not in the order"]


def test_a_relative_import_is_seen_through() -> None:
    found = list(_imports_of("from ..money import to_ticks\nfrom . import wire", "engine.sim"))
    assert found == [(1, "engine.money.to_ticks"), (2, "engine.sim.wire")]


def test_an_import_inside_a_function_is_seen() -> None:
    assert list(_imports_of("def f():\n    import socket", "engine")) == [(2, "socket")]


def test_a_cython_import_is_seen() -> None:
    source = "from libc.math cimport exp\ncimport numpy as np\n    import socket\nfrom . import x"
    assert list(_roots_of_cython(source)) == ["libc", "numpy", "socket", "_fast"]


def test_types_only_names_are_imported_for_types_only() -> None:
    for name, other in TYPES_ONLY:
        source = _modules("engine")[name].read_text(encoding="utf-8")
        tree = ast.parse(source)
        guarded = [
            child
            for node in tree.body
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for child in node.body
        ]
        found = {
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == f"engine.{other}"
        }
        assert found
        assert found <= set(guarded)


def test_the_core_may_touch_nothing_outside() -> None:
    for name in ("core", "risk", "orders", "contexts", "positions", "sizing", "exits", "money"):
        assert _allowed(name) == frozenset()
