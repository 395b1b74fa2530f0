"""Every defect of ibapi's transport (data loss, hangs, silent partial sends), turned around."""

import errno
import socket
import struct
import time

import pytest

from _fast import reader as fast_reader
from _fast.market import Market
from _fast.reader import Reader
from engine.broker import sockets
from engine.broker.connection import Connection, LinkError
from engine.broker.sockets import SOCKETS
from engine.broker.transport import Stopped
from engine.config import Broker
from engine.errors import ConfigError, ConnectError

HELLO = b"178\x0020260105 09:30:00 EST\0"
HELLO_FRAME = struct.pack("!I", len(HELLO)) + HELLO


def never():
    return False


def broker(port, **settings):
    return Broker(port=port, connect_timeout_s=2.0, handshake_timeout_s=0.3, **settings)


def until_done(client, done):
    done.wait(5)


def saying(*pieces):
    def script(client, done):
        client.recv(4096)
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.01)
        done.wait(5)

    return script


def test_agrees_on_a_version_and_offers_no_newer_one_than_allowed(peer):
    offered = []

    def script(client, done):
        offered.append(client.recv(4096))
        client.sendall(HELLO_FRAME)
        done.wait(5)

    connection = Connection.open(broker(peer(script), max_server_version=200), never)
    assert connection.server_version == 178
    assert connection.connection_time == "20260105 09:30:00 EST"
    assert connection.leftover == b""
    assert offered == [b"API\0\x00\x00\x00\x09v100..200"]
    connection.close()


def test_what_the_monotonic_clock_lacks_was_slept(monkeypatch):
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: 9_000 * (clock + 1))
    monkeypatch.setattr(time, "monotonic_ns", lambda: 2_000)
    assert SOCKETS.asleep_ns() == 9_000 * (time.CLOCK_BOOTTIME + 1) - 2_000


def test_sets_nodelay_and_keepalive(peer):
    connection = Connection.open(broker(peer(saying(HELLO_FRAME))), never)
    duplicate = socket.socket(fileno=socket.dup(connection.fileno()))
    with duplicate:
        assert duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    connection.close()


def test_a_handshake_in_pieces_of_one_byte(peer):
    pieces = [HELLO_FRAME[i : i + 1] for i in range(len(HELLO_FRAME))]
    settings = Broker(port=peer(saying(*pieces)))
    connection = Connection.open(settings, never)
    assert connection.server_version == 178
    connection.close()


def test_bytes_behind_the_handshake_are_kept(peer):
    connection = Connection.open(broker(peer(saying(HELLO_FRAME + b"\x00\x00\x00\x05half"))), never)
    assert connection.leftover == b"\x00\x00\x00\x05half"
    connection.close()


def test_a_burst_of_exactly_4096_bytes_followed_by_silence_arrives_whole(peer, wire):
    # 128 frames of 32 bytes: ibapi's reader loses all of them.
    frames = [wire(4, 2, -1, 2104, f"farm is OK {n:03d}", "") for n in range(128)]
    burst = b"".join(frames)
    burst += b"".join(wire(53, 1) for _ in range((4096 - len(burst) % 4096) // 8))
    missing = -len(burst) % 4096
    if missing:
        burst += wire(9, 1, "0" * (missing - 9))
    assert len(burst) % 4096 == 0
    connection = Connection.open(broker(peer(saying(HELLO_FRAME, burst))), never)
    reader = Reader(connection.fileno(), -1, Market(), 178, connection.leftover)
    texts = []
    while reader.bytes < len(burst):
        assert not reader.wait(2_000_000_000) & fast_reader.TIMEOUT
        texts += [m[3] for _, m in reader.take() if m[0] == 4]
    texts += [m[3] for _, m in reader.take() if m[0] == 4]
    assert texts == [f"farm is OK {n:03d}" for n in range(128)]
    connection.close()


def test_a_silent_tws_is_given_up(peer):
    with pytest.raises(ConnectError, match=r"said nothing for 0.3 s.*dialog"):
        Connection.open(broker(peer(until_done)), never)


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectError, match=rf"127.0.0.1:{port} \(connection refused\): start TWS"):
        Connection.open(broker(port), never)


def test_half_a_handshake_is_given_up(peer):
    with pytest.raises(ConnectError, match="said nothing"):
        Connection.open(broker(peer(saying(HELLO_FRAME[:-3]))), never)


def test_closed_in_the_handshake(peer):
    with pytest.raises(ConnectError, match="closed the connection in the handshake"):
        Connection.open(broker(peer(lambda client, done: client.recv(4096))), never)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        struct.pack("!I", 0) + b"x",
        struct.pack("!I", 5) + b"hello",
        struct.pack("!I", 9) + b"abc\0time\0",
        struct.pack("!I", 6) + b"\xff\xfe\0\xff\xfe\0",
        struct.pack("!I", 1 << 31),
    ],
)
def test_something_else_than_tws(peer, answer):
    with pytest.raises(ConnectError, match=r"is not TWS.*check broker.port"):
        Connection.open(broker(peer(saying(answer))), never)


def test_a_tws_too_old_or_too_new(peer):
    old = b"175\x00time\0"
    with pytest.raises(ConnectError, match="server version 175, needed is 176"):
        Connection.open(broker(peer(saying(struct.pack("!I", len(old)) + old))), never)
    new = b"226\x00time\0"
    settings = broker(peer(saying(struct.pack("!I", len(new)) + new)), max_server_version=200)
    with pytest.raises(ConnectError, match="insists on server version 226"):
        Connection.open(settings, never)


@pytest.mark.parametrize("host", ["192.0.2.7", "tws.example", "0.0.0.0", "::"])
def test_another_machine_needs_remote_ok(host):
    with pytest.raises(ConfigError, match="remote_ok"):
        Connection.open(Broker(host=host), never)


def test_localhost_is_this_machine(peer):
    settings = broker(peer(saying(HELLO_FRAME)), host="localhost")
    connection = Connection.open(settings, never)
    assert connection.server_version == 178
    connection.close()


def test_a_request_to_stop_ends_the_wait(peer):
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        Connection.open(Broker(port=peer(until_done)), lambda: next(asked))


def test_send_is_whole_even_when_the_peer_reads_slowly(peer):
    data = bytes(range(256)) * 40_000  # far more than the socket buffers hold
    got = bytearray()

    def script(client, done):
        client.recv(4096)
        client.sendall(HELLO_FRAME)
        while len(got) < len(data):
            time.sleep(0.0005)
            got.extend(client.recv(200_000))

    connection = Connection.open(broker(peer(script)), never)
    connection.send(data)
    connection.close()
    deadline = time.monotonic() + 5
    while len(got) < len(data) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert bytes(got) == data


def test_a_stalled_peer_is_an_error_and_nothing_more_is_sent(peer, monkeypatch):
    monkeypatch.setattr("engine.broker.connection.SEND_TIMEOUT_S", 0.1)
    connection = Connection.open(broker(peer(saying(HELLO_FRAME))), never)
    with pytest.raises(LinkError, match=r"takes no bytes: \d+ of 50000000 unsent"):
        connection.send(bytes(50_000_000))
    with pytest.raises(LinkError, match="already broken"):
        connection.send(b"x")
    connection.close()


def test_sending_into_a_closed_connection_is_an_error(peer):
    connection = Connection.open(broker(peer(saying(HELLO_FRAME))), never)
    connection.close()
    connection.close()
    with pytest.raises(LinkError):
        connection.send(b"x")


def test_a_system_without_a_socket_to_give_is_the_weather(peer, monkeypatch):
    def none_left(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    port = peer(saying(HELLO_FRAME))
    with monkeypatch.context() as limited:
        limited.setattr(socket, "socket", none_left)
        with pytest.raises(ConnectError, match="Too many open files"):
            Connection.open(broker(port), never)
    Connection.open(broker(port), never).close()


def test_an_address_of_a_family_that_the_machine_does_not_speak_is_passed_over(peer, monkeypatch):
    port = peer(saying(HELLO_FRAME))
    both = [
        (99, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    Connection.open(broker(port), never).close()


def test_a_socket_that_dies_while_it_is_set_up_is_the_weather(monkeypatch):
    def dead(*_):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(sockets, "_tune", dead)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConnectError, match="Invalid argument"):
            Connection.open(broker(port), never)
