"""Senders that are too many, too fast or do not behave, and an engine that cannot take more."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from engine.errors import LimitError
from engine.signals.signature import sign
from engine.signals.webhook_stream import Patience
from tests.campaign.peers import PATIENCE_S, Box
from tests.signals.conftest import until
from tests.signals.senders import (
    KEY,
    OTHER_KEY,
    Answer,
    head,
    post,
    prediction,
    send_raw,
    serving,
)

# -- back-pressure -------------------------------------------------------------------------------


def test_more_than_agreed_is_told_when_to_come_again(box: Box) -> None:
    with serving(box, signals_per_s=0.1, burst=2) as hook:
        answers = [post(hook, prediction(), path="/signals/predictions") for _ in range(3)]
        other = post(hook, prediction(), key=OTHER_KEY, path="/signals/other")

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 10
    assert other.status == 200  # each sender has its own


def test_strangers_do_not_use_up_what_a_sender_may_send(box: Box) -> None:
    with serving(box, signals_per_s=0.1, burst=1) as hook:
        for _ in range(5):
            assert post(hook, prediction(), key=OTHER_KEY).status == 401
        assert post(hook, prediction()).status == 200


def test_a_full_inbox_is_told_and_the_message_may_come_again(box: Box) -> None:
    body = prediction()
    box.full = True
    with serving(box) as hook:
        answer = post(hook, body, message_id="m1")
        box.full = False
        again = post(hook, body, message_id="m1")

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "full" in answer.words["error"]
    assert (again.status, again.words["repeat"]) == (200, False)


def test_an_engine_that_stops_is_told_and_the_message_may_come_again(box: Box) -> None:
    box.held = True
    body = prediction()
    answers: list[Answer] = []

    def send() -> None:
        answers.append(post(hook, body, message_id="m1"))

    with serving(box) as hook:
        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: box.answers)
        box.answers[0].set_exception(LimitError("the engine has stopped"))
        thread.join(PATIENCE_S)
        box.held = False
        send()

    assert [answer.status for answer in answers] == [503, 200]
    assert answers[1].words["repeat"] is False


def test_what_is_not_durable_in_time_is_told_and_the_same_is_waited_for_again(box: Box) -> None:
    box.held = True
    body = prediction()
    with serving(box, patience=Patience(durable_s=0.5)) as hook:
        answer = post(hook, body)
        box.answers[0].set_result(None)  # the future was not cancelled
        again = post(hook, body)

    assert answer.status == 503
    assert (again.status, again.words["repeat"]) == (200, True)
    assert len(box.got) == 1


def test_an_engine_that_is_not_ready_takes_nothing(box: Box) -> None:
    ready: list[bool] = []
    body = prediction()
    with serving(box, ready=lambda: bool(ready)) as hook:
        assert post(hook, body, message_id="m1").status == 503
        assert post(hook, body, key=OTHER_KEY).status == 401
        ready.append(True)
        assert post(hook, body, message_id="m1").status == 200


def test_more_connections_than_agreed_are_turned_away(box: Box) -> None:
    with serving(box, connections_max=2) as hook:
        idle = [socket.create_connection(("127.0.0.1", hook.port)) for _ in range(2)]
        until(lambda: post(hook, prediction()).status == 503)
        for one in idle:
            one.close()
        until(lambda: post(hook, prediction()).status == 200)


# -- peers that do not behave ----------------------------------------------------------------------


def test_a_slow_body_is_given_up(box: Box) -> None:
    with serving(box, patience=Patience(body_s=0.05)) as hook:
        assert send_raw(hook, head(100), b"{").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("start", [b"", b"POST /signals/predictions HTTP/1.1\r\nHost: 127."])
def test_slow_headers_are_given_up(box: Box, start: bytes) -> None:
    with serving(box, patience=Patience(header_s=0.05)) as hook:
        assert send_raw(hook, start) == b""
        assert post(hook, prediction()).status == 200


def test_a_second_request_may_not_be_slow_either(box: Box) -> None:
    get = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with (
        serving(box, patience=Patience(header_s=0.5)) as hook,
        socket.create_connection(("127.0.0.1", hook.port), PATIENCE_S) as peer,
    ):
        for _ in range(2):  # both are answered
            peer.sendall(get)
            told = b""
            while not told.endswith(b"}"):
                told += peer.recv(65_536)
        peer.sendall(get[:10])
        assert peer.recv(65_536) == b""


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00" * 100 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 5 + b"\r\n\r\n",
        b"POST /signals/predictions HTTP/1.1\r\n\r\n",
        b"POST /signals/predictions HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        head(-1),
    ],
)
def test_junk_is_refused_and_the_next_is_served(box: Box, junk: bytes) -> None:
    with serving(box) as hook:
        assert send_raw(hook, junk)[:12] == b"HTTP/1.1 400"
        assert post(hook, prediction()).status == 200


def test_a_sender_that_has_said_all_still_gets_its_answer(box: Box) -> None:
    box.held = True
    with (
        serving(box) as hook,
        socket.create_connection(("127.0.0.1", hook.port), PATIENCE_S) as peer,
    ):
        body, now_s = prediction(), int(time.time())
        signed = {
            "webhook-id": "m1",
            "webhook-timestamp": str(now_s),
            "webhook-signature": sign(KEY, "m1", now_s, body),
        }
        lines = b"".join(f"{name}: {text}\r\n".encode() for name, text in signed.items())
        peer.sendall(head(len(body)).replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n") + body)
        peer.shutdown(socket.SHUT_WR)
        until(lambda: box.answers)
        time.sleep(0.05)
        box.answers[0].set_result(None)
        told = b""
        while got := peer.recv(65_536):
            told += got

    assert told.startswith(b"HTTP/1.1 200 ")


def test_a_sender_that_goes_away_leaves_nothing_behind(box: Box) -> None:
    body = prediction()
    with serving(box) as hook:
        for cut in (b"", b"{"):
            with socket.create_connection(("127.0.0.1", hook.port)) as peer:
                peer.sendall(head(100) + cut)
        until(lambda: hook.counts()["predictions"].get("400", 0) == 2)
        assert post(hook, body).status == 200
