"""Pages of small runs, and what is on them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import channelsim as cs
from channelsim.progress import Silent
from channelsim.sweeps._parquet import packed
from channelsim.sweeps._table import tabulate
from tests.timelines.conftest import CASES, TINY

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
SAFE = re.compile(r"#[^\"]*|data:,")

HOSTILE = "</script><script>alert(1)</script> & \"q\" 'a' $x^2$ {{ 7 * 7 }}"
"""A name that would do harm if it were not escaped."""


class Stop(Silent):
    """Ends a run as Ctrl-C does, after one of its epochs; 0: after its first frames."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def chunk(self, *_: object) -> None:
        if self._epoch == 0:
            raise KeyboardInterrupt

    def epoch(self, row: Any) -> None:
        if row["epoch"] == self._epoch:
            raise KeyboardInterrupt


@dataclass
class Page(HTMLParser):
    """A page taken apart. Raises AssertionError where its elements are not closed in their order."""

    html: str
    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self._open: list[str] = []
        self.feed(self.html)
        self.close()
        assert self._open == []
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self._open):
            self.text += data

    def ids(self) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get("id"))]

    def assert_alone(self) -> None:
        """Nothing on the page asks for anything, ids are unique, and what is referred to is there."""
        ids = self.ids()
        assert len(ids) == len(set(ids))
        for tag, attributes in self.tags:
            for key in ("href", "src", "xlink:href", "action", "srcset"):
                target = attributes.get(key)
                assert target is None or SAFE.fullmatch(target), (tag, key, target)
                assert target is None or target[0] != "#" or target[1:] in ids, target
            assert not [key for key in attributes if key.startswith("on")]
        assert "@import" not in self.html and not re.search(r"url\((?!#)", self.html)
        assert set(re.findall(r"url\(#([^)]+)\)", self.html)) <= set(ids)


def run(folder: Path, name: str, stop: int | None = None, **changes: Any) -> Path:
    """The trace of a small run, cut short after an epoch or by divergence."""
    out = folder / f"{name}.h5"
    scenario = cs.Scenario(**{**TINY, "name": name, **changes})
    with contextlib.suppress(KeyboardInterrupt, cs.RunError):
        cs.run(scenario, out=out, progress=None if stop is None else Stop(stop))
    return out


LINEAR = {
    "name": "linear",
    "input": [64],
    "layers": [{"kind": "dense", "units": n, "transfer": "linear"} for n in (20, 10)],
}


def hostile() -> dict[str, Any]:
    """A run whose model and shared link have names from hell."""
    case = CASES["broadcast"]
    return {
        **case,
        "model": {**TINY["model"], "name": HOSTILE},
        "links": {HOSTILE: case["links"]["bus"]},
        "channels": {"learning": {"latency": "7 us", "link": HOSTILE}},
    }


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Page]]:
    """Trace and page of runs that ended in all ways, by name."""
    training = TINY["training"]
    cases: dict[str, Callable[[Path], Path]] = {
        "pipeline": lambda folder: run(
            folder, "pipeline", **CASES["pipelined"], trace={**TINY["trace"], "alignment": "epoch"}
        ),
        "losses": lambda folder: run(folder, "losses", **CASES["losses"]),
        "hostile": lambda folder: run(folder, "hostile", **hostile()),
        "one epoch": lambda folder: run(folder, "one", training={**training, "epochs": 1}, trace={"events": "none"}),
        "interrupted": lambda folder: run(folder, "interrupted", stop=1),
        "no epoch": lambda folder: run(folder, "none", stop=0, training={**training, "epochs": 900}),
        "diverged": lambda folder: run(folder, "far", model=LINEAR, training={**training, "learning_rate": 1e6}),
    }
    found = {}
    for name, make in cases.items():
        trace = make(tmp_path_factory.mktemp("reports"))
        found[name] = trace, Page(cs.report(trace))
    return found


def table_of(codes: int, rates: int, seeds: int) -> pd.DataFrame:
    """The table of a sweep whose numbers follow from what was swept: more bits cost more and bring more, up to a limit;
    at every seventh point it has failed."""
    records = []
    for i, (code, rate, seed) in enumerate(product(range(codes), range(rates), range(seeds))):
        bits = 1000 * (code + 1) * (seed + 100)
        accuracy = 0.95 - 0.6 / (code + 2) - 0.04 * abs(rate - 2) + 0.003 * seed
        failed = i % 7 == 6
        measures = {
            "test_accuracy": accuracy,
            "train_loss": 1 - accuracy,
            "bits": 10 * bits,
            "learning_bits": bits,
            "energy_j": 1e-12 * bits,
            "updates": 100,
        }
        records.append(
            {
                "point": f"{i:012x}",
                "status": "failed" if failed else "done",
                "reason": f"diverged at update {i}" if failed else "",
                "values": {"channels.learning.quantize": {"kind": "uniform", "bits": code + 1}},
                "scenario": {"training": {"learning_rate": 0.1 * 2.0**rate}, "seed": seed},
                "measures": {} if failed else measures,
                "busiest": "learning.1",
                "warnings": ["at chance level"] if code == 0 else [],
                "trace": "",
            }
        )
    return tabulate(records, ["channels.learning.quantize", "training.learning_rate"])


def directory_of(folder: Path, table: pd.DataFrame) -> Path:
    """A directory with such a table, as a sweep leaves it."""
    folder.mkdir(parents=True)
    (folder / "results.parquet").write_bytes(packed(table))
    return folder
