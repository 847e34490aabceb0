"""The page of a sweep."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from channelsim.errors import InputError
from channelsim.reports import _words
from channelsim.reports._columns import KEY, MEASURE, Column, columns_of, shown, words
from channelsim.reports._page import page
from channelsim.scenario import Scenario
from channelsim.sweeps import DONE, read_table
from channelsim.trace import Trace
from channelsim.version import version

if TYPE_CHECKING:
    import pandas as pd

_CHOSEN_BY = (
    "validation_accuracy", "validation_r2", "test_accuracy", "test_r2", "test_loss", "train_accuracy", "train_r2",
    "train_loss",
)  # fmt: skip
"""What decides which variant is best: the first measure that there is."""
_ACROSS = ("learning_bits", "energy_j", "bits", "simulated_time_s", "updates")
"""What a front is drawn over at first: the first that differs."""
_RATE = "training.learning_rate"
"""The key of which each variant has its own best value at first: one rate for all would compare rates."""
_MOST_VALUES = 12  # of a key, that are listed
_MOST_REASONS = 8


def sweep_page(directory: Path) -> str:
    """The HTML of a sweep's page. Raises InputError where there is no table, or the extra `sweep` is missing."""
    table = read_table(directory)
    if not len(table):
        raise InputError(f"{directory}: no point is done or failed yet; accepted: a sweep with some")
    columns = columns_of(table)
    simulated, provenance, of = _of_one(directory, table)
    measures = [i for i, column in enumerate(columns) if column.kind == MEASURE]
    across, up = _axes(columns, measures)
    variants = [
        i for i, column in enumerate(columns) if column.kind == KEY and column.name != "seed" and len(column.labels) > 1
    ]
    validation = next((i for i in measures if columns[i].name.startswith("validation_")), None)
    return page(
        "sweep.html",
        script="sweep.js",
        title=directory.resolve().name,
        points=len(table),
        answer=answer(table, columns),
        warnings=_warnings(table),
        swept=[(column.name, _values(column)) for column in columns if column.kind == KEY and len(column.labels) > 1],
        columns=columns,
        measures=measures,
        across=across,
        up=up,
        variants=variants,
        validation=validation,
        rate=next((i for i in variants if columns[i].name == _RATE), None),
        data={
            "columns": [column.to_json() for column in columns],
            "validation": validation,
            "seed": next((i for i, column in enumerate(columns) if column.name == "seed"), None),
        },
        simulated=simulated,
        of=of,
        provenance=[("directory", str(directory)), *provenance],
        version=version(),
    )


def answer(table: pd.DataFrame, columns: list[Column]) -> str:
    """Which variant is best, and what it has and costs: means over seeds.

    Where samples were held out for validation they choose, and the test set only tells. A variant of which a point has
    failed is not chosen.
    """
    done = table[table["status"] == DONE]
    measures = {column.name: column.measure for column in columns if column.measure is not None}
    by = next((name for name in _CHOSEN_BY if name in measures and done[name].notna().any()), None)
    if done.empty or by is None:
        return f"None of the {len(table)} points is done, so there is no result."
    judge = measures[by]
    assert judge is not None
    keys = [column for column in columns if column.kind == KEY and column.name != "seed" and len(column.labels) > 1]
    groups = [rows for _, rows in table.groupby([key.name for key in keys], sort=False)] if keys else [table]
    whole = [rows for rows in groups if rows[by].notna().all()]  # a variant that fails with some seed is not the best
    sign = 1 if judge.is_better_high else -1
    if not whole:
        return "Every variant has a point that failed, so none can be said to be best."
    best = max(whole, key=lambda rows: sign * rows[by].mean())
    first = table.index.tolist().index(best.index[0])
    named = ", ".join(f"{key.name} = {key.cells[first]}" for key in keys)
    text = f"The best {words(judge)} is {shown(float(best[by].mean()), judge)}" + (f", with {named}" if named else "")
    text += f" (mean of {len(best)} seeds)." if len(best) > 1 else "."
    others = [name for name in ("test_accuracy", "test_r2", "learning_bits", "energy_j") if name in measures]
    told = []
    for name in others:
        measure = measures[name]
        if name != by and measure is not None and best[name].notna().any():
            told.append(f"{words(measure)}: {shown(float(best[name].astype('float64').mean()), measure)}")
    return f"{text} There, {'; '.join(told)}." if told else text


def _axes(columns: list[Column], measures: list[int]) -> tuple[int, int]:
    """The columns of the first picture: a cost that differs, and the figure by which runs are judged."""
    named = {columns[i].name: i for i in measures}
    up = next((named[name] for name in ("test_accuracy", "test_r2", "test_loss", *_CHOSEN_BY) if name in named), 0)
    across = [named[name] for name in _ACROSS if name in named]
    differing = [i for i in across if len(set(columns[i].values) - {None}) > 1]
    return next(iter([*differing, *across]), up), up


def _values(column: Column) -> str:
    more = len(column.labels) - _MOST_VALUES
    return "; ".join(column.labels[:_MOST_VALUES]) + (f" and {more} more" if more > 0 else "")


def _warnings(table: pd.DataFrame) -> list[str]:
    """How many points failed, and why; how many warned."""
    failed = table[table["status"] != DONE]
    found = []
    if len(failed):
        found.append(f"{len(failed)} of {len(table)} points failed.")
        reasons = Counter(str(reason) for reason in failed["reason"])
        found += [f"{count}: {reason}" for reason, count in reasons.most_common(_MOST_REASONS)]
        if len(reasons) > _MOST_REASONS:
            found.append(f"{len(reasons) - _MOST_REASONS} more reasons are in the table.")
    warned = int((table["warnings"] != "").sum())
    if warned:
        found.append(f"{warned} of {len(table)} points warn about something: the column warnings says what.")
    return found


def _of_one(directory: Path, table: pd.DataFrame) -> tuple[_words.Rows, _words.Rows, str]:
    """What one point simulated, with what it was made, and its name; nothing where no trace can be read."""
    for name in table["trace"]:
        if not name:
            continue
        try:
            with Trace(directory / name) as trace:
                return _words.simulated(Scenario(**trace.resolved)), _words.provenance(trace), str(name)
        except InputError:
            continue
    return [], [], ""
