"""Attacks on the dashboard, over real connections: refused before anything is done or told."""

from __future__ import annotations

import re
import socket
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.redaction import Secret
from engine.signals import http_server
from engine.web import dashboard
from engine.web.access import Access, key_for
from engine.web.static_files import FOLDER, static_files
from tests.web.conftest import ACCOUNT, CLIENT, Scene, scene

PATHS = ("/", "/app.js", "/metrics", "/api/stream", "/api/charts", "/api/history", "/api/control")
SECRET = ("/metrics", "/api/stream", "/api/charts", "/api/paths", "/api/history/1", "/api/x")


# -- names and pages -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "[::1].x", ""]
)
def test_another_name_of_this_machine_is_refused(shared: Scene, path: str, host: str) -> None:
    """A stranger's page whose name leads here is not ours, whatever it knows."""
    answer = shared.get(path, headers={"Host": host})

    assert (answer.status_code, answer.json()) == (421, {"error": "not a name of this server"})


def test_names_of_loopback_and_of_the_settings_are_ours() -> None:
    access = Access(Secret(b"k" * 32), ("trade.example",))

    for host in ("127.0.0.1:8790", "localhost", "[::1]:8790", "Trade.Example"):
        assert access.stranger({"host": host}) is None
    assert access.stranger({"host": "trade.example:444"}) is not None
    assert access.stranger({}) is not None


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", ""])
@pytest.mark.parametrize("path", PATHS)
def test_another_origin_is_refused(shared: Scene, path: str, origin: str) -> None:
    assert shared.get(path, headers={"Origin": origin}).status_code == 403
    assert shared.control({"op": "halt"}, headers={"Origin": origin}).status_code == 403
    assert shared.engine.view().halt == ""


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_another_page_caused_is_refused(shared: Scene, site: str) -> None:
    assert shared.get("/api/charts", headers={"Sec-Fetch-Site": site}).status_code == 403


def test_our_own_page_is_let_in(shared: Scene) -> None:
    own = {"Origin": shared.base, "Sec-Fetch-Site": "same-origin"}

    assert shared.get("/api/charts", headers=own).status_code == 200


# -- the key -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SECRET)
def test_without_the_key_nothing_is_told(shared: Scene, path: str) -> None:
    wrong = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {shared.key[:-1]}"},
        {"Authorization": f"Bearer {shared.key}x"},
        {"Authorization": f"bearer {shared.key}"},
        {"Authorization": f"Basic {shared.key}"},
        {"Authorization": "Bearer ключ".encode()},
        {"Cookie": f"key={shared.key}"},
    ]
    for headers in wrong:
        answer = CLIENT.get(shared.base + path, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert answer.json() == {"error": "the key is missing or wrong"}
    assert CLIENT.get(f"{shared.base}{path}?key={shared.key}").status_code == 401


def test_without_the_key_nothing_is_done(shared: Scene) -> None:
    answer = shared.control({"op": "halt", "why": "x"}, headers={"Authorization": "Bearer no"})

    assert answer.status_code == 401
    assert shared.engine.view().halt == ""


def test_each_start_draws_another_key() -> None:
    assert key_for("").reveal() != key_for("").reveal()
    assert len(key_for("").reveal()) >= 32


def test_a_key_file_must_be_private_and_hold_a_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("a" * 40 + "\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        key_for(str(file))
    file.chmod(0o600)
    assert key_for(str(file)).reveal() == b"a" * 40
    file.write_text("short")
    with pytest.raises(ConfigError, match="makes one"):
        key_for(str(file))
    with pytest.raises(ConfigError, match="cannot be read"):
        key_for(str(tmp_path / "none"))


def test_the_link_shows_a_drawn_key_and_not_one_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text("b" * 40)
    for found in scene(tmp_path, key_file=str(file)):
        assert "b" * 40 not in found.dashboard.link
        known = {"Authorization": f"Bearer {'b' * 40}"}
        assert CLIENT.get(f"{found.base}/api/charts", headers=known).status_code == 200


# -- bodies and methods --------------------------------------------------------------------------


def test_a_large_body_is_not_read(shared: Scene) -> None:
    assert shared.control(b"x" * (dashboard.BODY_BYTES_MAX + 1)).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    answer = CLIENT.post(
        f"{shared.base}/api/control",
        content=pieces(),  # chunked: it does not say how much there is
        headers={**shared.shown, "Content-Type": "application/json"},
    )
    assert answer.status_code == 413


def test_a_body_that_does_not_end_is_waited_for_shortly(
    shared: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "BODY_TIMEOUT_S", 0.2)
    told = _raw(
        shared,
        "POST /api/control HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {shared.key}\r\n\r\n{{",
    )
    assert told.startswith("HTTP/1.1 408")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "text/plain", 415),  # what a form of another page could send
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 2000, "application/json", 400),
        (b"[]", "application/json", 409),
        (b'{"op": 1}', "application/json", 409),
        (b'{"op": "reload"}', "application/json", 409),  # the socket's alone
        (b'{"op": "halt"}', "application/json", 409),  # without a reason
        (b'{"op": "halt", "level": 4, "why": "x"}', "application/json", 409),
        (b'{"op": "halt", "level": true, "why": "x"}', "application/json", 409),
        (b'{"op": "resume", "why": "x"}', "application/json", 409),  # nothing is halted
    ],
)
def test_what_is_not_a_request_is_refused(
    shared: Scene, body: bytes, kind: str, status: int
) -> None:
    answer = shared.control(body, headers={"Content-Type": kind})

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert shared.engine.view().halt == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/style.css", "/api/charts", "/api/history"])
def test_other_methods_are_refused(shared: Scene, method: str, path: str) -> None:
    answer = CLIENT.request(method, shared.base + path, headers=shared.shown)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_nobody_takes_a_viewers_place_without_looking(shared: Scene) -> None:
    answer = CLIENT.head(f"{shared.base}/api/stream", headers=shared.shown)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_control_is_posted(shared: Scene) -> None:
    assert shared.get("/api/control").status_code == 405


def test_a_dashboard_that_only_shows_controls_nothing(tmp_path: Path) -> None:
    for found in scene(tmp_path, control=False):
        assert found.control({"op": "halt", "level": 1, "why": "x"}).status_code == 403
        assert found.engine.view().halt == ""
        assert found.get("/api/charts").json()["control"] is False


# -- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/../settings.py",
        "/../../../etc/passwd",
        "/%2e%2e/settings.py",
        "/..%2fsettings.py",
        "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/..\\settings.py",
        "//etc/passwd",
        "/./app.js",
        "/static/app.js",
        "/app.js/",
        "/app.js%00.css",
        "/APP.JS",
        "/api/../app.js",
        "/api/history/../../app.js",
        "/api/history/-1",
        "/api/history/1.0",
        "/api/history/%31%32%33%34%35%36%37%38%39%30",
        "/api/history/\u0661",
        "file:///etc/passwd",
        "http://evil.example/app.js",
    ],
)
def test_no_path_leads_to_another_file(shared: Scene, path: str) -> None:
    """As the bytes stand, because clients tidy paths up."""
    head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {shared.key}\r\nConnection: close\r\n\r\n"
    told = _raw(shared, f"GET {path} HTTP/1.1\r\n{head}")

    assert re.match(r"HTTP/1.1 (404|400) ", told), told[:80]
    assert "root:" not in told
    assert "import" not in told


def test_files_are_those_of_the_package() -> None:
    about = tomllib.loads((FOLDER.parents[2] / "pyproject.toml").read_text("utf-8"))
    setuptools = about["tool"]["setuptools"]

    assert "engine.web" in setuptools["packages"]
    assert setuptools["package-data"]["engine.web"] == ["static/*"]
    assert set(static_files()) == {"/", *(f"/{path.name}" for path in FOLDER.iterdir())}


# -- what a browser is told ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/app.js", "/style.css", "/api/charts", "/nothing"])
def test_every_answer_tells_a_browser_to_be_strict(shared: Scene, path: str) -> None:
    headers = shared.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert "set-cookie" not in headers


def test_the_page_has_no_inline_script_and_nothing_of_others() -> None:
    for path in FOLDER.iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), path.name
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text)
        if path.suffix == ".js":
            markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
            assert not re.search(markup, text), path.name


def test_no_account_number_leaves(own: Scene) -> None:
    own.engine.notice("warning", f"account {ACCOUNT} and U7654321 were named")
    own.buy()
    own.tws.until(lambda: "were named" in str(own.messages(1)))
    told = [str(own.messages(2)), own.get("/api/history").text, own.get("/api/history/1").text]

    assert all(ACCOUNT not in text and "7654321" not in text for text in told)
    assert "account DU… and U… were named" in told[0]


# -- many and slow viewers -------------------------------------------------------------------------


def test_there_is_a_bound_on_viewers(tmp_path: Path) -> None:
    for found in scene(tmp_path, viewers_max=2):
        url = f"{found.base}/api/stream"
        with (
            CLIENT.stream("GET", url, headers=found.shown) as one,
            CLIENT.stream("GET", url, headers=found.shown) as other,
        ):
            for viewer in (one, other):
                assert next(viewer.iter_lines()).startswith("data:")
            assert found.get("/api/stream").status_code == 503
            assert found.get("/api/charts").status_code == 200
        viewers = found.dashboard._viewers
        found.tws.until(lambda viewers=viewers: not viewers)
        assert found.messages(1)


def test_a_viewer_that_takes_nothing_is_let_go(
    own: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others go on as if it were not there, and nobody is alarmed."""
    monkeypatch.setattr(http_server, "STALL_TIMEOUT_S", 0.3)
    feed: Any = own.dashboard._feed
    asleep = _connected(own, receive_bytes=2048)
    head = f"Host: localhost\r\nAuthorization: Bearer {own.key}\r\n\r\n"
    asleep.sendall(f"GET /api/stream HTTP/1.1\r\n{head}".encode())
    own.tws.until(lambda: len(own.dashboard._viewers) == 1)
    big = b'"' + b"x" * 400_000 + b'"'
    deadline = time.monotonic() + 20
    number = 0
    while own.dashboard._viewers and time.monotonic() < deadline:
        number += 1
        feed.put([("big", big[:-1] + b'%d"' % number)])
        own.dashboard._wake()
        time.sleep(0.02)
    assert not own.dashboard._viewers
    assert own.messages(2)
    asleep.close()
    assert caplog.records == []


# -- helpers ---------------------------------------------------------------------------------------


def _connected(found: Scene, receive_bytes: int = 0) -> socket.socket:
    made = socket.socket()
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(10)
    made.connect(("127.0.0.1", int(found.base.rpartition(":")[2])))
    return made


def _raw(found: Scene, text: str) -> str:
    with _connected(found) as connection:
        connection.sendall(text.encode())
        told = b""
        while data := connection.recv(65536):
            told += data
            if b"\r\n\r\n" in told and b"408" in told[:20]:
                break
    return told.decode("latin-1")
