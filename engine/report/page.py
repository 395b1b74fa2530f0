"""A report as one HTML file, which needs nothing else: no script, no picture, no font."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from engine.monitor.lines import money
from engine.redaction import Redaction
from engine.report import words
from engine.report.curves import drawdown, equity
from engine.report.groups import Group, Summary
from engine.report.markup import Markup, el
from engine.report.trade import ReportTrade, Told
from engine.report.trade_chart import trade_chart

STYLE: Final = Path(__file__).with_name("style.css")
CHARTS_MAX: Final = 200  # of the newest trades; a page with thousands is of no use
_LEGEND: Final = (
    ("price", "M0 8L8 3L16 8L26 2", "price"),
    ("stop", "M0 6L26 6", "stop"),
    ("target", "M0 6L26 6", "target"),
    ("decision", "M0 6L26 6", "price of the decision"),
)


def page(summary: Summary) -> bytes:
    """UTF-8."""
    title = f"Trades of {summary.name}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Markup(STYLE.read_text("utf-8"))),
    )
    body = el(
        "body",
        el("header", el("h1", title), *(el("p", one) for one in words.facts(summary))),
        *_body(summary),
    )
    text = "<!DOCTYPE html>\n" + el("html", head, body, lang="en")
    return Redaction(summary.reading.accounts).text(text).encode()


def _body(summary: Summary) -> list[Markup]:
    trades = summary.trades
    if not trades:
        return [el("div", el("p", "No trade has ended."), class_="panel")]
    return [
        _tiles(summary.total),
        el("h2", "Sum of results, after commissions"),
        el("div", equity(trades), class_="panel"),
        el("h2", "Below its highest"),
        el("div", drawdown(trades), class_="panel"),
        el("h2", "Figures"),
        el(
            "div",
            *(
                _table(kind, table, summary.total)
                for kind, table in summary.tables.items()
                if table
            ),
            class_="tables",
        ),
        el("h2", "Ledger"),
        el("div", _ledger(trades), class_="panel"),
        el("h2", "Trades"),
        *_charts(summary.reading.told),
    ]


def _tiles(total: Group) -> Markup:
    return el(
        "div",
        *(
            el(
                "div",
                el("span", one.name),
                el("b", one.cell(total), class_=_news(one.signed and one.signed(total))),
                class_="tile",
                title=one.why,
            )
            for one in words.COLUMNS
        ),
        class_="tiles",
    )


def _table(kind: str, table: Sequence[Group], total: Group) -> Markup:
    head = el("tr", el("th", kind), *(el("th", one.name, title=one.why) for one in words.COLUMNS))
    foot = el("tfoot", _group(total)) if len(table) > 1 else Markup()
    made = el(
        "table",
        el("caption", words.TITLES[kind]),
        el("thead", head),
        el("tbody", *(_group(one) for one in table)),
        foot,
    )
    return el("div", made, class_="panel")


def _group(group: Group) -> Markup:
    cells = (
        el("td", one.cell(group), class_=_news(one.signed and one.signed(group)))
        for one in words.COLUMNS
    )
    return el("tr", el("td", group.name), *cells)


def _ledger(trades: Sequence[ReportTrade]) -> Markup:
    drawn = len(trades) - CHARTS_MAX
    rows = []
    for number, trade in enumerate(trades):
        first, *rest = (cell(trade) for cell in words.LEDGER.values())
        name = el("a", first, href=f"#trade-{number + 1}") if number >= drawn else Markup()
        cells = (
            el("td", cell, class_=_news(trade.realised) if column == "realised" else None)
            for column, cell in zip(list(words.LEDGER)[1:], rest, strict=True)
        )
        rows.append(el("tr", el("td", str(number + 1)), el("td", name or first), *cells))
    head = el("tr", el("th", "n"), *(el("th", name) for name in words.LEDGER))
    return el("table", el("thead", head), el("tbody", *rows))


def _charts(told: Sequence[Told]) -> list[Markup]:
    first = max(len(told) - CHARTS_MAX, 0)
    figures = [_figure(number, one) for number, one in enumerate(told[first:], start=first + 1)]
    before = [el("p", f"The newest {CHARTS_MAX} of {len(told)}.")] if first else []
    legend = (
        el(
            "span",
            el("svg", el("path", d=d, class_=name), viewBox="0 0 26 12", class_="trade"),
            text,
        )
        for name, d, text in _LEGEND
    )
    fills = el("span", "▲ bought, ▼ sold: the tip is at the price")
    return [*before, el("p", *legend, fills, class_="legend"), el("div", *figures, class_="charts")]


def _figure(number: int, told: Told) -> Markup:
    trade = told.trade
    how = f"{trade.rule}, {trade.reason}, {words.duration(trade.held_s)}"
    caption = el(
        "figcaption",
        el("b", f"{number}. {trade.symbol} {trade.side} {trade.quantity:f}"),
        el("b", money(trade.realised), class_=_news(trade.realised)),
        el("span", f"{words.moment(trade.opened_ns)}, {how}", class_="how"),
    )
    return el("figure", caption, trade_chart(told), class_="panel", id=f"trade-{number}")


def _news(value: Decimal | None) -> str | None:
    if not value:
        return None
    return "good" if value > 0 else "bad"
