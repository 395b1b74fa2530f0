"""``engine report``: the trades of a journal, what they amount to, and how they looked."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import attrs
import orjson

from engine.backtest.ledger import as_csv
from engine.cli.progress import bar, counted
from engine.errors import UserError
from engine.journal_chain import JournalReader
from engine.monitor.files import check_outputs, words_beside, write_json, write_whole
from engine.redaction import Redaction
from engine.report import parquet
from engine.report.groups import Summary, summary
from engine.report.page import page
from engine.report.reading import Reading, Wanted
from engine.report.trade import ReportTrade
from engine.report.words import lines
from engine.retrace import Retrace
from engine.sim.instruments import day_of
from engine.ticks import files


@attrs.frozen(kw_only=True)
class ReportOptions:
    journal: Path
    symbols: tuple[str, ...]
    day: str
    ticks: tuple[Path, ...]
    html: Path | None
    csv: Path | None
    json: Path | None
    parquet: Path | None


def report(options: ReportOptions) -> int:
    """Raises UserError: one line on what a person must mend."""
    if not options.journal.is_file():
        raise UserError(f"{options.journal}: there is no journal")
    outputs = options.html, options.csv, options.json, options.parquet
    check_outputs(outputs, (options.journal, *options.ticks))
    if options.parquet is not None:
        parquet.check_installed()
    found = _read(options)
    told = words_beside(*outputs)
    text = "".join(f"{line}\n" for line in lines(found))
    told.write(Redaction(found.reading.accounts).text(text))
    told.flush()
    _write(options, found)
    return 0


def parsed_day(text: str) -> date | None:
    if not text:
        return None
    try:
        return day_of(text)
    except ValueError:
        raise UserError(f"--day {text}: a day is YYYYMMDD, such as 20240103") from None


def _read(options: ReportOptions) -> Summary:
    wanted = Wanted(options.symbols, parsed_day(options.day))
    with JournalReader(options.journal) as reader, bar("reading") as show:
        reading = Reading(Retrace.of(reader), wanted, files.tape(files.parts(options.ticks)))
        after = reading.first - 1
        reading.take(counted(reader.records(after), reader.count - after, show))
        reading.end()
    return summary(options.journal.name, reading)


def _write(options: ReportOptions, found: Summary) -> None:
    redaction = Redaction(found.reading.accounts)
    if options.html is not None:
        write_whole(options.html, page(found))
    if options.csv is not None:
        ledger = as_csv(found.trades, ReportTrade).decode()
        write_whole(options.csv, redaction.text(ledger).encode())
    if options.json is not None:
        whole = orjson.dumps(found.data()).decode()
        write_json(options.json, orjson.loads(redaction.text(whole)))
    if options.parquet is not None:
        write_whole(options.parquet, parquet.table(found.trades))
