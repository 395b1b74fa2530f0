"""What a seed draws changes how orders fill."""

from __future__ import annotations

from pathlib import Path

from engine.config import CONVERTER
from engine.sim.policies import Policies
from engine.sweep.cells import cells
from engine.sweep.play import play
from engine.ticks.files import parts


def test_less_size_means_more_fills_at_other_prices_and_a_failure_is_told(made, given):
    found = made('days = ["20240103"]\n')
    (record,) = found.records.values()

    def cell(share, signals="s.jsonl"):
        said = {
            "settings": record,
            "ticks": [one.record() for one in parts([given / "IBM-20240103.csv"])],
            "signals": str(given / signals),
            "seed": 1,
            "latency_ms": 5.0,
            "size_share": share,
            "policies": CONVERTER.unstructure(Policies()),
        }
        return play(said, lambda part: True)

    whole, thin = cell(1.0), cell(0.02)
    assert whole["ticks"] == thin["ticks"]
    assert whole["figures"]["trades"] >= 1
    assert thin["figures"] != whole["figures"]
    assert thin["figures"]["notional_mean"] < whole["figures"]["notional_mean"]
    assert cell(1.0) == whole
    missing = cell(1.0, "none.jsonl")
    assert "cannot be read" in missing["failed"]
    assert missing["lost"]  # it may be there with the next start
    assert "lost" not in cell(2.0)


def test_a_worker_in_another_folder_finds_the_files(made, given, monkeypatch):
    monkeypatch.chdir(given)
    found = made("", days=0, more=[Path("IBM-20240103.csv")])
    (cell,) = cells(found)
    said = found.task(cell).said
    monkeypatch.chdir("/")

    assert play(said, lambda part: True)["ticks"] > 100
