"""The page: whole, alone, and safe whatever somebody has named."""

import re
from html.parser import HTMLParser

import attrs
import pytest

from engine.report.groups import summary
from engine.report.markup import VOID, Markup, el
from engine.report.page import CHARTS_MAX, page
from engine.report.reading import Wanted
from engine.report.words import lines
from tests.report.conftest import told

HOSTILE = '<script>alert(1)</script><img src=x onerror="a()">&\'"]]>'


class Checked(HTMLParser):
    """Every element that begins ends, inside the one that it began in."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.ids, self.links, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, names)
        assert not [name for name in names if name.startswith("on")], (tag, names)
        found = dict(attributes)
        if "id" in found:
            self.ids.append(found["id"])
        for name in ("href", "src"):
            if name in found:
                self.links.append(found[name])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def parsed(summary):
    text = page(summary).decode()
    return text, Checked(text)


def renamed(found, **names):
    """The same trades under other names, by way of everything that is told of them."""
    reading = found.reading
    before = list(reading.told)
    try:
        reading.told[:] = [
            attrs.evolve(one, trade=attrs.evolve(one.trade, **names)) for one in before
        ]
        made = summary(names.get("name", found.name), reading)
        return made, parsed(made), "\n".join(lines(made))
    finally:
        reading.told[:] = before


def test_it_is_whole_and_stands_alone(found):
    text, seen = parsed(found)
    assert text.startswith("<!DOCTYPE html>\n<html")
    assert seen.seen.count("svg") == 2 + 4 + len(found.trades)  # curves, legend, trades
    assert set(seen.links) == {f"#{one}" for one in seen.ids}
    assert len(seen.ids) == len(set(seen.ids)) == len(found.trades)
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.seen)
    assert not re.search(r"https?:|url\(|@import", text)
    assert "color-scheme: light dark" in text
    for word in ("By symbol", "By rule", "By hour", "sortino", "pattern.short", "reversal"):
        assert word in text


@pytest.mark.parametrize("field", ["symbol", "rule", "reason"])
def test_what_somebody_has_named_is_text(found, field):
    _, (text, seen), _ = renamed(found, **{field: HOSTILE})
    assert "<script" not in text
    assert "<img" not in text
    assert HOSTILE in "".join(seen.words)


def test_the_name_of_the_journal_is_text_too(found):
    text, seen = parsed(attrs.evolve(found, name=HOSTILE))
    assert "<script" not in text
    assert any(HOSTILE in one for one in seen.words)


def test_numbers_of_accounts_are_not_in_it(found):
    (account,) = found.reading.accounts
    _, (text, _), _ = renamed(found, rule=f"of {account} and U7654321")
    assert account not in text
    assert "U7654321" not in text
    assert "…" in text


def test_a_journal_without_trades_has_a_page(place):
    from datetime import date

    text, _ = parsed(told(place, Wanted(day=date(2030, 1, 1))))
    assert "No trade has ended." in text


def test_of_many_trades_the_newest_are_drawn(found):
    reading = found.reading
    before = list(reading.told)
    try:
        reading.told[:] = before * (CHARTS_MAX // len(before) + 2)
        made = summary("many", reading)
        _, seen = parsed(made)
        assert len(seen.ids) == CHARTS_MAX
        assert set(seen.links) == {f"#{one}" for one in seen.ids}
        assert seen.ids[-1] == f"trade-{len(reading.told)}"
        assert any("before; --csv" in line for line in lines(made))
    finally:
        reading.told[:] = before


def test_an_element_escapes_what_is_not_markup():
    made = el("a", "1 < 2 & 'x'", Markup("<b></b>"), href='"><x', class_=None, stroke_width=1.25)
    assert made == ('<a href="&quot;&gt;&lt;x" stroke-width="1.2">1 &lt; 2 &amp; \'x\'<b></b></a>')
