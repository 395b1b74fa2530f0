"""The server on real sockets: many clients, bad ones and slow ones, its clock and its control."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError, UserError
from engine.sim import instruments
from engine.sim.exchange import Exchange
from engine.sim.fault_script import parse
from engine.sim.launch import DAY, from_files, generated, run_sim
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from engine.sim.server import SimServer

DEADLINE_S = 20.0
HOURS = (instruments.session(DAY),)
OPEN_NS = HOURS[0][0]
CONTRACT = "0\0IBM\0STK\0\0000\0\0\0SMART\0\0USD\0\0\0"


def server(ticks: Iterable[MarketTick] = (), **options: Any) -> SimServer:
    known = instruments.instruments(["IBM"], HOURS)
    exchange = Exchange(known, "DU1", Policies(), 1, OPEN_NS, 1)
    return SimServer(exchange, iter(ticks), **options)


def quotes(*seconds: float) -> list[MarketTick]:
    return [
        MarketTick(OPEN_NS + int(second * 1e9), "IBM", "A", 100.0 + index, 100)
        for index, second in enumerate(seconds)
    ]


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        threading.Event().wait(0.005)
    return found


class Raw:
    """A client that writes its own bytes, and reads the text that comes back."""

    def __init__(self, port: int, hello: bytes = b"v100..178") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.received = b""
        self.socket.sendall(b"API\0" + len(hello).to_bytes(4, "big") + hello)

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *problem: object) -> None:
        self.socket.close()

    def ask(self, *fields: object) -> None:
        body = "".join(f"{field}\0" for field in fields).encode()
        self.socket.sendall(len(body).to_bytes(4, "big") + body)

    def frame(self) -> list[str] | None:
        """The next message's fields, None at the end of the stream."""
        while len(self.received) < 4 or len(self.received) < 4 + self._size():
            data = self.socket.recv(65536)
            if not data:
                return None
            self.received += data
        size = self._size()
        payload, self.received = self.received[4 : 4 + size], self.received[4 + size :]
        return payload.decode().split("\0")[:-1]

    def _size(self) -> int:
        return int.from_bytes(self.received[:4], "big")

    def expect(self, *start: object) -> list[str]:
        """The next message that begins so; others are passed over."""
        wanted = [str(field) for field in start]
        while (fields := self.frame()) is not None:
            if fields[: len(wanted)] == wanted:
                return fields
        raise AssertionError(f"the stream ended before {wanted}")

    def start(self, client_id: int) -> Raw:
        assert self.frame() is not None
        self.ask(71, 2, client_id, "")
        self.expect(4, 2, -1, 2158)
        return self


def test_start_up_order() -> None:
    """Clients are ready once accounts and ids are in; the farms' messages come behind."""
    with server() as sim, Raw(sim.port) as raw:
        version = raw.frame()
        assert version == ["178", "20240103 09:30:00 EST"]
        raw.ask(71, 2, 4, "")
        assert raw.frame() == ["15", "1", "DU1"]
        assert raw.frame() == ["9", "1", "1"]
        assert [raw.frame()[3] for _ in range(3)] == ["2104", "2106", "2158"]  # type: ignore[index]


def test_two_clients_have_their_own_orders_and_ids() -> None:
    with server(quotes(0.0)) as sim, Raw(sim.port) as one, Raw(sim.port) as two:
        one.start(1)
        two.start(2)
        tail = ["GTC", "", "", "O", 0, "ref", 1, 0, 0, 0, 0, 0, 0, 0]
        rest = ["", 0, "", "", "", "", "", "", 0, "", -1, 0, *[""] * 2, 0, *[""] * 2, 0, 0, "", 0]
        rest += [*[""] * 5, 0, "", "", "", "", 0, "", "", "", "", "", "", "", "", "", "", 0]
        rest += ["", "IB", 0, 0, "", "", 0, "", 0, 0, 0, 0]
        order = [*CONTRACT.split("\0")[:-1], "", "", "BUY", 100, "LMT", 90.5, "", *tail, *rest]
        one.ask(3, 5, *order)
        opened = one.expect(5, 5)
        assert opened[2:4] == [str(instruments.con_id("IBM")), "IBM"]
        assert one.expect(3, 5)[2] == "Submitted"
        one.ask(8, 1, 1)
        assert one.expect(9) == ["9", "1", "6"]

        two.ask(8, 1, 1)
        assert two.expect(9) == ["9", "1", "1"]
        two.ask(5, 1)
        assert two.frame() == ["53", "1"]
        two.ask(16, 1)
        assert two.frame()[:2] == ["5", "5"]  # type: ignore[index]
        assert two.frame()[:3] == ["3", "5", "Submitted"]  # type: ignore[index]
        assert two.frame() == ["53", "1"]
        two.ask(4, 1, 5, "")
        assert two.frame()[1:4] == ["2", "5", "10147"]  # type: ignore[index]


def test_duplicate_client_id_gets_its_error_before_the_end() -> None:
    with server() as sim, Raw(sim.port) as first, Raw(sim.port) as second:
        first.start(7)
        assert second.frame() is not None
        second.ask(71, 2, 7, "")
        assert second.frame()[1:4] == ["2", "-1", "326"]  # type: ignore[index]
        assert second.frame() is None
        second.socket.close()
        first.ask(49, 1)
        assert first.expect(49)
        until(lambda: len(sim.report()["clients"]) == 1)
        first.socket.close()
        until(lambda: sim.report()["clients"] == [])
        with Raw(sim.port) as third:
            third.start(7)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 100,
        b"API\0\xff\xff\xff\xff",
        b"API\0\0\0\0\x05hello",
        b"API\0\0\0\0\x09v100..130",
    ],
)
def test_garbage_closes_only_its_own_connection(data: bytes) -> None:
    with server() as sim, Raw(sim.port) as good:
        good.start(1)
        with socket.create_connection(("127.0.0.1", sim.port), timeout=DEADLINE_S) as bad:
            bad.sendall(data)
            assert bad.recv(100) == b""
        good.ask(49, 1)
        assert good.expect(49)


def test_bad_requests_are_answered_and_the_connection_stays() -> None:
    with server() as sim, Raw(sim.port) as raw:
        assert raw.frame() is not None
        raw.ask(61, 1)
        assert raw.frame()[1:4] == ["2", "-1", "321"]  # type: ignore[index]
        raw.ask(71, 2, 1, "")
        raw.expect(4, 2, -1, 2158)
        raw.ask(999, 1)
        assert raw.frame()[3] == "505"  # type: ignore[index]
        raw.ask(8, 1, "one")
        assert raw.frame()[3] == "320"  # type: ignore[index]
        raw.ask(83, 5, "IB")
        assert raw.frame()[1:4] == ["2", "5", "321"]  # type: ignore[index]
        raw.ask(9, 8, 6, *CONTRACT.replace("IBM", "NONE").split("\0")[:-1], 0, "", "", "")
        assert raw.frame()[1:4] == ["2", "6", "200"]  # type: ignore[index]
        raw.ask(91, 12345)
        assert raw.frame()[3] == "321"  # type: ignore[index]
        raw.ask(20, 7, *CONTRACT.split("\0")[:-1], 0, "", "7 mins", "1 D", 1, "TRADES", 1, 0, "")
        assert raw.frame()[1:4] == ["2", "7", "321"]  # type: ignore[index]
        raw.ask(61, 1)
        assert raw.frame() == ["62", "1"]


def test_no_more_than_32_clients() -> None:
    with server() as sim:
        clients = [Raw(sim.port).start(number) for number in range(32)]
        with Raw(sim.port) as one_more:
            assert one_more.frame() is None
        clients.pop().socket.close()
        until(lambda: len(sim.report()["clients"]) == 31)
        clients.append(Raw(sim.port).start(40))
        for client in clients:
            client.socket.close()


def test_a_client_that_does_not_read_is_disconnected(caplog: pytest.LogCaptureFixture) -> None:
    ask = b"\0\0\0\x0549\x001\0"
    with (
        caplog.at_level(logging.WARNING, "engine.sim"),
        server(backlog_bytes_max=1 << 20) as sim,
        Raw(sim.port) as slow,
        Raw(sim.port) as quick,
    ):
        slow.start(1)
        quick.start(2)
        with pytest.raises(OSError):
            while True:
                slow.socket.sendall(ask * 1000)
        quick.ask(49, 1)
        assert quick.expect(49)
        until(lambda: len(sim.report()["clients"]) == 1)

    assert any("does not read" in record.getMessage() for record in caplog.records)


def test_market_data_stream() -> None:
    ticks = quotes(0.0, 0.2, 0.4)
    ticks.insert(2, MarketTick(OPEN_NS + 300_000_000, "IBM", "T", 100.5, 300))
    with server(ticks, hold=True) as sim, Raw(sim.port) as raw:
        raw.start(1)
        raw.ask(1, 11, 9, *CONTRACT.split("\0")[:-1], 0, "", 0, 0, "")
        assert raw.expect(81, 9)[2] == "0.0001"
        assert raw.expect(58, 1, 9)[3] == "1"
        assert raw.expect(1, 6, 9, 2, "101.0") == ["1", "6", "9", "2", "101.0", "100", "1"]
        assert raw.expect(46, 6, 9, 45)[4] == str(OPEN_NS // 10**9)
        assert raw.expect(1, 6, 9, 4)[4:6] == ["100.5", "300"]
        assert raw.expect(2, 6, 9, 8)[4] == "300"
        assert [raw.frame()[3] for _ in range(3)] == ["6", "7", "14"]  # type: ignore[index]
        assert raw.expect(1, 6, 9, 2)[4] == "102.0"
        raw.ask(1, 11, 9, *CONTRACT.split("\0")[:-1], 0, "", 0, 0, "")
        assert raw.expect(4, 2, 9)[3] == "102"
        raw.ask(2, 2, 9)
        raw.ask(2, 2, 9)
        assert raw.expect(4, 2, 9)[3] == "300"
        until(lambda: sim.report()["market_over"])
        raw.ask(49, 1)
        first = int(raw.expect(49)[2])
        until(lambda: sim.report()["clock_ns"] // 10**9 > first)


def test_held_clock_waits_for_clients() -> None:
    with server(quotes(0.01), hold=True, speed=50) as sim:
        assert sim.report()["clock_ns"] == OPEN_NS
        with Raw(sim.port) as raw:
            raw.start(1)
            until(lambda: sim.report()["market_over"])
        until(lambda: sim.report()["clients"] == [])
        stood = sim.report()["clock_ns"]
        assert stood > OPEN_NS
        until(lambda: sim.report()["clock_ns"] == stood)
        with Raw(sim.port) as raw:
            raw.start(1)
            until(lambda: sim.report()["clock_ns"] > stood)


def test_speed_without_drift() -> None:
    """However late single turns are, the clock stays on its line."""
    with server(speed=1000.0, control_port=0) as sim:
        assert sim.control_port is not None
        with Control(sim.control_port) as control:
            first = control.ask("clock")
            second = until(
                lambda: (
                    (now := control.ask("clock"))["exchange_ns"] > first["exchange_ns"] + 10**11
                    and now
                )
            )
    real = second["monotonic_ns"] - first["monotonic_ns"]
    assert second["exchange_ns"] - first["exchange_ns"] == pytest.approx(real * 1000, abs=2000)
    assert second["running"] is True


class Control:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.lines = self.socket.makefile("rb")

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *problem: object) -> None:
        self.lines.close()
        self.socket.close()

    def write(self, line: bytes) -> Any:
        self.socket.sendall(line)
        return json.loads(self.lines.readline())

    def ask(self, operation: str) -> Any:
        return self.write(json.dumps({"op": operation}).encode() + b"\n")


def test_control_channel() -> None:
    with server(speed=2.0, control_port=0) as sim, Raw(sim.port) as raw:
        raw.start(3)
        assert sim.control_port is not None
        with Control(sim.control_port) as control:
            report = control.ask("report")
            assert report["speed"] == 2.0
            assert report["market_over"] is True
            assert report["clock_ns"] >= OPEN_NS
            assert report["execution_count"] == 0
            assert [(one["client_id"], one["version"]) for one in report["clients"]] == [(3, 178)]
            for line in (b"report\n", b"[]\n", b'{"op":"die"}\n', b'{"op":["x"]}\n', b"\n"):
                assert set(control.write(line)) == {"error"}
            assert control.write(b'{"op": "clock"}\n')["speed"] == 2.0
            assert "at most" in control.write(b"x" * 10_000)["error"]
            assert control.lines.readline() == b""
        with Control(sim.control_port) as control:
            assert control.ask("stop") == {"stopping": True}
        assert raw.frame() is None


def test_port_in_use_names_the_port_and_the_mend() -> None:
    with server() as sim:
        with pytest.raises(UserError, match=f"port {sim.port}: in use; .* choose another"):
            server(port=sim.port).start()
        with pytest.raises(UserError, match=f"port {sim.port}: in use"):
            server(control_port=sim.port).start()


@pytest.mark.parametrize(
    "options",
    [{"speed": 0.0}, {"speed": 1e6}, {"speed": float("inf")}, {"max_server_version": 175}],
)
def test_settings_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        server(**options)


def test_a_damaged_source_is_raised_to_who_stops_the_server() -> None:
    def broken() -> Iterator[MarketTick]:
        yield quotes(0.0)[0]
        raise UserError("ticks.csv: line 3: damaged")

    sim = server(broken(), speed=100).start()
    until(lambda: sim._failure)
    with pytest.raises(UserError, match="line 3"):
        sim.stop()


def test_a_server_that_has_failed_still_tells_what_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once, and from whatever thread asks: nobody is left who could be waited for."""
    monkeypatch.setattr("engine.sim.server.CALL_S_MAX", 1.0)

    def broken() -> Iterator[MarketTick]:
        yield from quotes(0)
        raise UserError("line 3: price 'x' is not a number")

    sim = server(broken()).start()
    thread = sim._thread
    assert thread is not None
    thread.join(DEADLINE_S)
    assert sim.report()["market_over"] is False
    assert sim.call(lambda: sim.gateway.exchange.quote("IBM")).ask == 100.0
    with pytest.raises(UserError, match="line 3"):
        sim.stop()


def test_a_quote_that_moves_is_never_crossed_on_its_way() -> None:
    with server(control_port=0) as sim, Raw(sim.port) as raw:
        raw.start(1)
        assert sim.control_port is not None
        with Control(sim.control_port) as control:
            for bid, ask in ((99.5, 99.75), (104.0, 104.25), (90.0, 90.25), (90.25, 90.5)):
                if bid == 104.0:
                    raw.ask(97, 5, *CONTRACT.split("\0")[:-1], "BidAsk", 0, 0)
                    raw.ask(49, 1)
                    raw.expect(49)
                asked = {"op": "quote", "symbol": "IBM", "bid": bid, "ask": ask}
                assert "clock_ns" in control.write(json.dumps(asked).encode() + b"\n")
        shown = [[float(price) for price in raw.expect(99)[4:6]] for _ in range(6)]
    assert shown == [
        [99.5, 104.25], [104.0, 104.25], [90.0, 104.25], [90.0, 90.25], [90.0, 90.5], [90.25, 90.5]
    ]  # fmt: skip


def test_a_tick_of_an_unknown_symbol_is_a_fault_of_the_set_up() -> None:
    sim = server([MarketTick(OPEN_NS, "BAC", "T", 10.0, 100)]).start()
    until(lambda: sim._failure is not None)
    with pytest.raises(ConfigError, match="BAC"):
        sim.stop()


def test_run_until_the_last_client_has_left() -> None:
    listening = threading.Event()
    servers: list[SimServer] = []
    reports: list[dict[str, Any]] = []

    def on_listening(sim: SimServer) -> None:
        servers.append(sim)
        listening.set()

    def run() -> None:
        reports.append(
            run_sim(symbols=["IBM"], port=0, seed=5, linger_s=0.01, on_listening=on_listening)
        )

    thread = threading.Thread(target=run)
    thread.start()
    assert listening.wait(DEADLINE_S)
    with Raw(servers[0].port) as raw:
        raw.start(1)
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert reports[0]["clients"] == []
    assert reports[0]["execution_count"] == 0


def test_tick_files_set_the_exchange_up(tmp_path: Path) -> None:
    rows = "time_ms,kind,price,size\n34200100,A,10.02,100\n34200200,T,10.01,300\n"
    files = [tmp_path / "IBM-20131007.csv", tmp_path / "IBM-20131008.csv"]
    for file in files:
        file.write_text(rows)

    exchange, source = from_files(files[::-1], account="DU9")

    assert exchange.account == "DU9"
    assert exchange.now_ns == instruments.session(exchange_day(files[0]))[0]
    assert len(exchange.instruments[0].sessions) == 2
    assert [tick.kind for tick in source] == ["A", "T", "A", "T"]
    with pytest.raises(UserError, match="at least one"):
        from_files([])
    with pytest.raises(UserError, match="2 tick files of IBM on 20131007; name one"):
        from_files([files[0], files[0]])
    files[0].write_text("time_ms,kind,price,size\n")
    with pytest.raises(UserError, match="no ticks"):
        from_files(files[:1])


def exchange_day(file: Path) -> Any:
    from engine.sim.market import named

    return named(file)[1]


def test_a_generated_market_is_the_same_each_time() -> None:
    first, second = (list(generated(["IBM", "BAC"], seed=4, ticks_per_s=0.01)[1]) for _ in range(2))

    assert first == second
    assert {tick.symbol for tick in first} == {"IBM", "BAC"}


def test_ibapi_is_not_imported_for_text_clients() -> None:
    import subprocess
    import sys

    code = (
        "import sys, engine.sim.server, engine.sim.launch;"
        "assert not any(name.startswith('ibapi') for name in sys.modules), 'ibapi is loaded'"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert done.returncode == 0


# -- faults on real sockets --------------------------------------------------------------------


def faulty(*lines: str, ticks: Iterable[MarketTick] = ()) -> SimServer:
    return server(ticks, faults=parse(lines), seed=1)


def test_a_reset_is_a_reset() -> None:
    with faulty("request:1 reset") as sim, Raw(sim.port) as raw:
        raw.start(1)
        raw.ask(49, 1)
        with pytest.raises(ConnectionResetError):
            while raw.frame() is not None:
                pass
        with Raw(sim.port) as again:
            again.start(1)


def test_a_message_is_cut_in_its_middle() -> None:
    with faulty("start cut currentTime") as sim, Raw(sim.port) as raw:
        raw.start(1)
        raw.ask(49, 1)
        assert raw.frame() is None
        assert len(raw.received) == 10  # half of it


def test_a_half_open_connection_stays_until_it_is_reset() -> None:
    with faulty("request:1 half-open for=300ms") as sim, Raw(sim.port) as raw:
        raw.start(1)
        raw.ask(49, 1)  # becomes half-open with its answer still under way
        raw.ask(49, 1)
        with pytest.raises(ConnectionResetError):
            while raw.frame() is not None:
                pass


def test_pieces_arrive_one_by_one_and_whole_in_the_end() -> None:
    with faulty("start fragment bytes=5 for=2s") as sim, Raw(sim.port) as raw:
        raw.start(1)
        raw.ask(49, 1)
        sizes = []
        received = b""
        while len(received) < 18:
            data = raw.socket.recv(65536)
            sizes.append(len(data))
            received += data
        assert len(sizes) > 1
        assert received[4:].startswith(b"49\x001\x00")


def test_connections_are_refused_and_ids_busy() -> None:
    with faulty("start refuse count=1", "start id-busy count=1") as sim:
        with Raw(sim.port) as first:
            assert first.frame() is None
        with Raw(sim.port) as second:
            assert second.frame() is not None
            second.ask(71, 2, 1, "")
            assert second.frame()[3] == "326"  # type: ignore[index]
            assert second.frame() is None
        with Raw(sim.port) as third:
            third.start(1)
        assert [row["happened"] for row in sim.report()["faults"]] == [1, 1]


def test_faults_begin_by_the_clock_although_nothing_else_happens() -> None:
    with faulty("+5s say 1100 times=2 every=2s") as sim, Raw(sim.port) as raw:
        sim.call(lambda: sim.operations.add_fault("+6s say 1102"))
        raw.start(1)
    with server(faults=parse(["+2s say 1100"]), speed=20) as sim, Raw(sim.port) as raw:
        raw.start(1)
        assert raw.expect(4, 2, -1, 1100)


def test_faults_and_prices_by_the_control_channel() -> None:
    with server(control_port=0) as sim, Raw(sim.port) as raw:
        raw.start(1)
        raw.ask(1, 11, 7, *CONTRACT.split("\0")[:-1], 0, "", 0, 0, "")
        raw.expect(45, 6, 7, 49)
        assert sim.control_port is not None
        with socket.create_connection(("127.0.0.1", sim.control_port), DEADLINE_S) as control:
            replies = control.makefile("rb")

            def ask(**asked: object) -> dict[str, Any]:
                control.sendall(json.dumps(asked).encode() + b"\n")
                answer: dict[str, Any] = json.loads(replies.readline())
                return answer

            ask(op="quote", symbol="IBM", bid=99.5, ask=99.75, size=300)
            assert raw.expect(1, 6, 7, 1)[4:6] == ["99.5", "300"]
            assert "clock_ns" in ask(op="tick", symbol="IBM", kind="T", price=99.6)
            assert raw.expect(1, 6, 7, 4)[4:6] == ["99.6", "100"]
            assert ask(op="faults") == {"faults": []}
            assert ask(op="fault", line="start say 2110") == {"added": "start say 2110"}
            raw.expect(4, 2, -1, 2110)
            assert ask(op="faults") == {"faults": [{"fault": "start say 2110", "happened": 1}]}
            assert ask(op="report")["faults"][0]["happened"] == 1
            for wrong, told in (
                ({"op": "fault", "line": "start drpo"}, "did you mean drop"),
                ({"op": "fault"}, '"line" is missing'),
                ({"op": "fault", "line": "# nothing"}, "the line is empty"),
                ({"op": "tick", "symbol": "XYZ", "kind": "T", "price": 1}, "no such instrument"),
                ({"op": "tick", "symbol": "IBM", "kind": "X", "price": 1}, "write one of B, A, T"),
                ({"op": "tick", "symbol": "IBM", "kind": "T", "price": -1}, "no price above 0"),
                ({"op": "tick", "symbol": "IBM", "kind": "T", "price": 1, "size": "9"}, '"size"'),
                ({"op": "tick", "symbol": "IBM", "kind": "T", "price": 10**400}, '"price"'),
                ({"op": "tick", "symbol": "IBM", "kind": "T", "price": 1e9}, '"price"'),
                ({"op": "bulletin", "text": "half a \ud83d"}, '"text"'),
                ({"op": "bulletin", "text": "a field\0more"}, '"text"'),
                ({"op": "fault", "line": "start say 1100 text=\ud83d"}, '"line"'),
            ):
                assert told in ask(**wrong)["error"]


def test_who_asks_and_never_reads_loses_the_control_channel_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with server(control_port=0, backlog_bytes_max=100_000) as sim, Raw(sim.port) as raw:
        raw.start(1)
        assert sim.control_port is not None
        with caplog.at_level(logging.WARNING, "engine.sim"):
            greedy = socket.create_connection(("127.0.0.1", sim.control_port), DEADLINE_S)
            with greedy, pytest.raises(OSError, match=r"reset|pipe"):
                while True:
                    greedy.sendall(b'{"op": "report"}\n' * 1_000)
        assert "wait for a client that does not read" in caplog.text
        with Control(sim.control_port) as control:
            assert control.ask("about")["clients"] == 1
        raw.ask(49, 1)
        assert raw.expect(49)
