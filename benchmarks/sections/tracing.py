"""Whole runs, with the trace at its default level and alignment at each epoch, against runs that trace little.

Metrics and channel counters are written in every run: a trace without them is no trace.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import work
from benchmarks.sections.variants import as_json, name_of
from benchmarks.table import Row, Section, us
from benchmarks.timing import interleave
from channelsim._run import run

EPOCHS = 5  # a run's default
TRACES: dict[str, dict[str, Any]] = {
    "none": {"events": "none", "weights": "none"},
    "default": {},
    "default and alignment": {"alignment": "epoch"},
}
TARGET = 1.03


def measure(settings: work.Settings) -> Section:
    section = Section()
    with tempfile.TemporaryDirectory() as folder:
        for batch in (1, 100):
            runs = {name: _run(settings, batch, table, Path(folder) / "run.h5") for name, table in TRACES.items()}
            times = interleave(runs, settings.rounds)
            section.facts[name_of(batch)] = as_json(times)
            none = times.pop("none").median
            for name, each in times.items():
                target = TARGET if name == "default and alignment" else None
                detail = f"{us(each.median)} : {us(none)} per frame, {EPOCHS} epochs"
                what = f"trace: {name}, srbp, {name_of(batch)}"
                ratio = each.median / none
                section.rows.append(Row(what, "of the time without", ratio, target, None, False, detail))
    return section


def _run(settings: work.Settings, batch: int, table: dict[str, Any], out: Path) -> Any:
    wanted = work.scenario(
        "srbp", batch, trace=table, training={"epochs": EPOCHS}, data={"name": "mnist", "train": settings.train}
    )
    return lambda: run(wanted, out=out, force=True).frames
