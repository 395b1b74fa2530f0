"""The page in a real browser, beside a running engine and simulator.

Pictures of what was seen are kept in ``test-output/web``. Without a browser the tests are skipped.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.errors import SignalError
from tests.web.conftest import Scene, scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = Path(__file__).parents[2] / "test-output" / "web"
PATIENCE_MS = 15_000
WIDE = {"width": 1400, "height": 960}
PHONE = {"width": 390, "height": 844}
# In one look: what is drawn anew four times a second has no place in between.
STOP_IS_BELOW = """() => {
    const chip = (kind) => document.querySelector(`#price-chart .chip.${kind}`);
    const y = (kind) => Number(chip(kind)?.getAttribute('y'));
    return y('stop') > y('last');
}"""
SCRIPT = "<img src=x onerror=alert(1)>"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the Debian package chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM)
        yield made
        made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from scene(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def tab(browser: Browser, running: Scene) -> Iterator[tuple[Page, list[str]]]:
    """Open at the dashboard, with what the browser complains of."""
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    made = context.new_page()
    complaints: list[str] = []
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    made.goto(running.dashboard.link)
    yield made, complaints
    context.close()


@pytest.fixture
def page(tab: tuple[Page, list[str]]) -> Iterator[Page]:
    """As it was opened; the test fails for anything the browser complains of."""
    made, complaints = tab
    made.set_viewport_size(WIDE)  # type: ignore[arg-type]
    made.emulate_media(color_scheme="light")
    made.get_by_role("link", name="Live").click()
    made.wait_for_selector("#session.live")
    yield made
    assert complaints == []


def _shot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def _active(page: Page, state: str, chart: str = "context") -> None:
    page.wait_for_selector(f'svg[data-chart="{chart}"][data-state="{state}"] .node.active')


@pytest.mark.slow
def test_a_trade_is_seen_from_its_entry_to_its_end_and_again_in_history(
    page: Page, running: Scene
) -> None:
    """Open, protected, against the price, flattened with a reason, and stepped through."""
    assert "key=" not in page.url  # it must not be seen over a shoulder, or be sent to a friend
    _active(page, "flat")
    running.buy()
    _active(page, "protected")
    assert page.locator("#move").inner_text().endswith("entering → protected: entry filled")
    assert page.locator("#statechart .edge.lit title").text_content() == (
        "entering → protected: entry filled"
    )
    card = page.locator('.card[data-symbol="IBM"]')
    assert card.locator(".held").inner_text() == "long 100 @ 100.01"
    assert card.locator(".levels").inner_text().startswith("stop 98.0")

    running.tws.walk("IBM", *(100 + n / 4 for n in (1, 2, 1, -1, 2, 4, 6)))
    page.wait_for_selector("#price-chart .chip.stop")
    page.wait_for_selector("#price-chart .chip.target")
    page.wait_for_function("() => document.querySelector('.card .last').textContent === '101.50'")
    page.wait_for_function(STOP_IS_BELOW)  # of a long trade
    assert page.locator("#price-chart .fill.buy").count() == 1
    assert page.locator("#timeline .order.stop .life").count() >= 1
    _shot(page, "protected-light")
    page.emulate_media(color_scheme="dark")
    _shot(page, "protected-dark")
    page.emulate_media(color_scheme="light")

    page.get_by_role("button", name="Halt…").click()
    page.get_by_label("Flatten: all that is held is closed at the market").check()
    assert running.engine.view().halt == ""  # one click is not enough
    page.get_by_role("button", name="Flatten everything").click()
    assert page.locator("#confirm").is_visible()  # nor is a click without a reason
    page.get_by_label("Why").fill("the test is over")
    _shot(page, "confirm")
    page.get_by_role("button", name="Flatten everything").click()
    _active(page, "flat")
    page.wait_for_function(
        "() => document.getElementById('banner').textContent === "
        "'Halted at level 3, by dashboard: the test is over'"
    )
    assert running.tws.position("IBM") == 0
    _shot(page, "flattened")
    page.get_by_role("button", name="Resume…").click()
    page.get_by_label("Why").fill("on we go")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.wait_for_selector("#banner", state="hidden")
    assert running.engine.view().halt == ""

    _step_through(page)


def _step_through(page: Page) -> None:
    page.get_by_role("link", name="History").click()
    steps = page.locator("#view-history .counts text")
    steps.first.wait_for()
    assert steps.all_text_contents() == ["1"] * steps.count()  # one trade, each step once
    assert page.locator("#view-history .edge.taken").count() == steps.count() >= 4
    _shot(page, "steps")
    page.get_by_role("link", name="IBM long").first.click()
    history = page.locator("#view-history")
    at = history.locator(".at")
    _active(page, "entering")
    first = at.inner_text()
    last = int(first.split(" of ")[1].split()[0])
    assert first.startswith("1 of ")
    states = [_state(page)]
    for _ in range(last - 1):
        page.keyboard.press("ArrowRight")
        states.append(_state(page))
    assert at.inner_text().startswith(f"{last} of {last}")
    assert states[0] == "entering"
    assert states[-1] == "flat"
    assert [one for one in dict.fromkeys(states) if one != "concluding"] == [
        "entering", "protected", "closing", "flat",
    ]  # fmt: skip
    assert history.locator(".price .fill").count() == 2
    page.get_by_role("button", name="One step back").click()
    assert at.inner_text().startswith(f"{last - 1} of {last}")
    page.get_by_label("Step", exact=True).fill("1")
    assert at.inner_text().startswith("2 of ")
    page.get_by_role("button", name="Last step").click()
    assert _state(page) == "flat"
    _shot(page, "history-light")
    page.emulate_media(color_scheme="dark")
    _shot(page, "history-dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    _shot(page, "history-phone")


def test_script_in_a_field_is_text(page: Page, running: Scene) -> None:
    """In the ticker of a signal, in a reason to halt, in an alert: shown as it is."""
    with pytest.raises(SignalError):
        running.engine.publish({"ticker": SCRIPT, "signal": "BUY", "confidence": 0.9})
    running.engine.notice("critical", f"odd {SCRIPT}")
    running.engine.halt(1, f"because {SCRIPT}", f"who {SCRIPT}")
    page.wait_for_function(
        "text => document.getElementById('banner').textContent.includes(text)", arg=SCRIPT
    )
    page.wait_for_function(
        "text => document.getElementById('log').textContent.includes('odd ' + text)", arg=SCRIPT
    )
    assert page.locator("#signals td", has_text=SCRIPT).count() >= 1
    assert page.locator("img").count() == 0
    running.engine.resume("done")
    page.wait_for_selector("#banner", state="hidden")


def test_a_page_cannot_run_what_it_did_not_bring(browser: Browser, running: Scene) -> None:
    """The policy stops markup and inline script even where the page itself would slip."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(running.dashboard.link)
    script = "const s = document.createElement('script'); s.textContent = '1'"
    for slip in ("document.body.innerHTML = '<b>x</b>'", script):
        told: Any = page.evaluate(f"() => {{ try {{ {slip} }} catch (x) {{ return x.name; }} }}")
        assert told == "TypeError"
    context.close()


def test_a_phone_shows_everything_without_moving_sideways(page: Page, running: Scene) -> None:
    running.buy("MSFT")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.locator('.card[data-symbol="MSFT"]').click()
    _active(page, "protected")
    page.wait_for_selector("#price-chart .chip.stop")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    _shot(page, "phone-light")
    page.emulate_media(color_scheme="dark")
    _shot(page, "phone-dark")


def test_everything_can_be_done_with_the_keyboard(page: Page, running: Scene) -> None:
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator('.card[data-symbol="MSFT"]').focus()
    page.keyboard.press("Enter")
    assert page.locator("#h-detail").inner_text() == "MSFT"
    page.locator("#halt").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "why"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowDown")
    assert page.locator("#confirm-yes").inner_text() == "Take entries back"
    page.keyboard.press("Escape")
    assert not page.locator("#confirm").is_visible()
    assert page.evaluate("document.activeElement.id") == "halt"
    assert running.engine.view().halt == ""


def test_a_wrong_key_is_asked_for(browser: Browser, running: Scene) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{running.base}/#key=wrong")
    page.wait_for_selector("#ask-key[open]")
    assert "not the engine's" in page.locator("#key-problem").inner_text()
    page.get_by_role("textbox", name="Key").fill(running.dashboard.link)  # the whole link will do
    page.get_by_role("button", name="Open").click()
    page.wait_for_selector("#session.live")
    context.close()


@pytest.fixture
def stranger() -> Iterator[str]:
    """A page of somebody else on this machine; one from afar may not come near it at all."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>hello")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_another_page_cannot_read_or_frame_it(
    browser: Browser, running: Scene, stranger: str
) -> None:
    """A page of another origin, with no policy of its own and the key in its hands."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(stranger)
    told: Any = page.evaluate(
        """async ([url, key]) => {
            try { return await (await fetch(url + '/api/charts',
                {headers: {Authorization: 'Bearer ' + key}})).text(); }
            catch (problem) { return problem.name; } }""",
        [running.base, running.key],
    )
    assert told == "TypeError"
    page.evaluate(
        """url => new Promise(done => {
            const frame = document.createElement('iframe');
            frame.onload = done;
            frame.src = url;
            document.body.append(frame); })""",
        running.base,
    )
    (framed,) = page.frames[1:]
    assert not framed.url.startswith(running.base), framed.url  # the browser shows its own refusal
    context.close()


def _state(page: Page) -> str | None:
    return page.locator("#view-history svg[data-chart]").get_attribute("data-state")
