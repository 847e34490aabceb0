"""What pictures show: measures of a run, by their names, with unit, bounds and which way is better.

A measure is called as its column in the table of a sweep. `series` and `last` find it in a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.accounting import CAUSES, by_cause
from channelsim.errors import InputError
from channelsim.plots._costs import energy_costs
from channelsim.trace import Trace


@dataclass(frozen=True)
class Measure:
    """One thing that can be drawn.

    Attributes:
        name: as users write it.
        words: on an axis.
        unit: written with SI prefixes; None: a number as it is.
        factor: what values are multiplied with for the axis.
        low, high: bounds of the values as drawn, None where there is none.
        is_better_high: which way is better, for a Pareto front.
        may_be_wide: whether a logarithmic axis suits values that are far apart.
    """

    name: str
    words: str
    unit: str | None = None
    factor: float = 1.0
    low: float | None = 0.0
    high: float | None = None
    is_better_high: bool = False
    may_be_wide: bool = True

    @property
    def label(self) -> str:
        """Words for an axis, with the unit that its numbers do not carry."""
        return f"{self.words} (%)" if self.factor == 100 else self.words


def _share(name: str, words: str, better_high: bool = False) -> Measure:
    return Measure(name, words, factor=100.0, high=100.0, is_better_high=better_high, may_be_wide=False)


def _r2(name: str, words: str) -> Measure:
    return Measure(name, words, low=None, high=1.0, is_better_high=True, may_be_wide=False)


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("epoch", "epoch", may_be_wide=False),
        Measure("updates", "updates", unit=""),
        _share("test_accuracy", "test accuracy", True),
        _share("test_accuracy_deployed", "test accuracy as deployed", True),
        _share("validation_accuracy", "validation accuracy", True),
        _share("train_accuracy", "train accuracy", True),
        _r2("test_r2", "test R$^2$"),
        _r2("test_r2_deployed", "test R$^2$ as deployed"),
        _r2("validation_r2", "validation R$^2$"),
        _r2("train_r2", "train R$^2$"),
        Measure("test_loss", "test loss"),
        Measure("train_loss", "train loss"),
        Measure("bits", "bits sent", unit="bit"),
        Measure("payload_bits", "bits sent, without headers", unit="bit"),
        Measure("learning_bits", "bits sent on the learning channels", unit="bit"),
        Measure("learning_entropy", "entropy of what the learning channels sent", unit="bit"),
        Measure("energy_j", "energy", unit="J"),
        Measure("energy_bits_j", "energy of bits on links", unit="J"),
        Measure("energy_macs_j", "energy of multiply-accumulates", unit="J"),
        Measure("energy_reads_j", "energy of synapses read", unit="J"),
        Measure("energy_writes_j", "energy of synapses written", unit="J"),
        Measure("joules_to_90", "energy to 90 % test accuracy", unit="J"),
        Measure("joules_to_95", "energy to 95 % test accuracy", unit="J"),
        Measure("simulated_time_s", "simulated time", unit="s"),
        Measure("seconds_to_90", "simulated time to 90 % test accuracy", unit="s"),
        Measure("seconds_to_95", "simulated time to 95 % test accuracy", unit="s"),
        Measure("wall_time_s", "wall time", unit="s"),
        _share("lost", "events lost on the worst channel"),
        _share("lost_to_queues", "events lost in full queues"),
        _share("lost_to_drops", "events dropped"),
        _share("lost_to_bit_errors", "events lost to bit errors"),
        _share("lost_to_deadlines", "events that were late"),
        Measure("queue_max", "longest queue (messages)", may_be_wide=False),
        Measure("utilisation", "utilisation of the busiest channel", factor=100.0, may_be_wide=False),
        Measure("staleness", "mean age of errors (frames)", may_be_wide=False),
        Measure(
            "alignment", "cosine of errors and gradient", low=-1.0, high=1.0, is_better_high=True, may_be_wide=False
        ),
    )
}


def measure_of(name: str, known: Iterable[str]) -> Measure:
    """The measure that is meant by a name, written with or without its unit, in any case.

    Raises InputError for a name that is none of the `known` ones.
    """
    names = list(known)
    words = name.lower().replace("-", "_")
    for one in (words, f"{words}_j", f"{words}_s"):
        if one in names:
            return MEASURES.get(one, Measure(one, one.replace("_", " "), low=None))
    near = get_close_matches(words, names, 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise InputError(f"plot: {name} is no measure{hint}; accepted: {', '.join(names)}")


# --- in a trace ---------------------------------------------------------------------------------------------------

Series = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Epochs, counted from 1, and the value after each."""


def series(trace: Trace, name: str) -> Series:
    """A measure of a trace after each epoch, counted from the start; what was lost, queues and utilisation are those of
    the epoch. Empty where the trace has none. Metrics of the user's own are called as in `Trace.own_metrics`."""
    if name in _SERIES:
        return _SERIES[name](trace)
    if name in _OF_ROWS:
        rows = _rows(trace)
        return rows[0]["epoch"], _OF_ROWS[name](rows)
    split, _, column = name.partition("_")
    return _metric(split, column)(trace) if name in trace.own_metrics else _nothing(trace)


def last(trace: Trace, name: str) -> float:
    """A measure of a whole run, as the table of a sweep has it: NaN where there is none."""
    if name == "staleness":
        return _mean_age(trace)
    values = _OF_ROWS[name](_whole(trace)) if name in _OF_ROWS else series(trace, name)[1]
    values = values[np.isfinite(values)]
    return float(values[-1]) if len(values) else float("nan")


def _metric(split: str, column: str) -> Callable[[Trace], Series]:
    def read(trace: Trace) -> Series:
        rows = trace.metrics(split)
        return rows["epoch"], rows[column].astype(np.float64)

    return read


def _counted(column: str, prefix: str = "") -> Callable[[Trace], Series]:
    def read(trace: Trace) -> Series:
        rows = [trace.channels(name) for name in trace.channel_names if name.startswith(prefix)]
        epochs = trace.channels(trace.channel_names[0])["epoch"]
        added = np.sum([one[column] for one in rows], axis=0) if rows else np.zeros(len(epochs))
        return epochs, np.cumsum(added).astype(np.float64)

    return read


def _payload_bits(trace: Trace) -> Series:
    epochs, bits = _counted("bits")(trace)
    return epochs, bits - _counted("header_bits")(trace)[1]


Rows = Sequence[NDArray[Any]]
"""Of each channel its rows of /channels, or one row of a whole run."""


def _rows(trace: Trace) -> Rows:
    return [trace.channels(name) for name in trace.channel_names]


def _whole(trace: Trace) -> Rows:
    """The rows of the whole run, of which there is none before the first epoch."""
    elapsed = max(int(trace.metrics("train")["simulated_time"].max(initial=0)), 1)
    found = []
    for rows in _rows(trace):
        whole = rows[-1:].copy()
        for column in ("events", "overflow", "delivered", "dropped", "corrupted", "late", "busy"):
            whole[column] = rows[column].sum()
        whole["queue_max"] = rows["queue_max"].max(initial=0)
        whole["utilisation"] = whole["busy"] / elapsed
        found.append(whole)
    return found


def _lost(rows: Rows) -> NDArray[np.float64]:
    """The share of its events that the worst channel has lost."""
    shares = []
    for one in rows:
        events = one["events"] + one["overflow"]
        shares.append(np.where(events > 0, 1 - one["delivered"] / np.maximum(events, 1), 0.0))
    return np.max(shares, axis=0)


def _lost_to(cause: str) -> Callable[[Rows], NDArray[np.float64]]:
    """The share of the events of all channels that this took away."""

    def read(rows: Rows) -> NDArray[np.float64]:
        events = np.sum([one["events"] + one["overflow"] for one in rows], axis=0)
        return np.sum([one[cause] for one in rows], axis=0) / np.maximum(events, 1)

    return read


def _largest(column: str) -> Callable[[Rows], NDArray[np.float64]]:
    return lambda rows: np.max([one[column] for one in rows], axis=0).astype(np.float64)


def _energy_of(cause: str) -> Callable[[Trace], Series]:
    def read(trace: Trace) -> Series:
        rows = [trace.channels(name) for name in trace.channel_names]
        split = [by_cause(energy_costs(trace), one)[CAUSES.index(cause)] for one in rows]
        return rows[0]["epoch"], np.cumsum(np.sum(split, axis=0))

    return read


def _learning_entropy(trace: Trace) -> Series:
    return trace.channels(trace.channel_names[0])["epoch"], trace.learning_entropy()


def _alignment(trace: Trace) -> Series:
    """The mean over the layers that receive errors."""
    rows = [one for one in map(trace.alignment, trace.error_layers) if len(one)]
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0)
    return rows[0]["epoch"], np.mean([one["cosine"] for one in rows], axis=0)


def _mean_age(trace: Trace) -> float:
    ages = [trace.staleness(name) for name in trace.error_layers]
    total, count = sum(float(np.arange(len(one)) @ one) for one in ages), sum(int(one.sum()) for one in ages)
    return total / count if count else float("nan")


def _joules_to(accuracy: float) -> Callable[[Trace], Series]:
    def read(trace: Trace) -> Series:
        spent, epochs = trace.joules_to(accuracy), trace.metrics("test")["epoch"][-1:]
        return epochs, np.full(len(epochs), np.nan if spent is None else spent)

    return read


def _seconds_to(accuracy: float) -> Callable[[Trace], Series]:
    def read(trace: Trace) -> Series:
        test = trace.metrics("test")
        reached = test["simulated_time"][test["accuracy"] >= accuracy]
        return test["epoch"][-1:], np.full(len(test["epoch"][-1:]), reached[0] * 1e-12 if len(reached) else np.nan)

    return read


def _nothing(trace: Trace) -> Series:
    return np.zeros(0, np.int64), np.zeros(0)


def _seconds(read: Callable[[Trace], Series]) -> Callable[[Trace], Series]:
    return lambda trace: (read(trace)[0], read(trace)[1] * 1e-12)


_SERIES: Mapping[str, Callable[[Trace], Series]] = {
    "epoch": lambda trace: (trace.metrics("train")["epoch"], trace.metrics("train")["epoch"].astype(np.float64)),
    "updates": _metric("train", "updates"),
    "test_accuracy": _metric("test", "accuracy"),
    "test_accuracy_deployed": _metric("test_deployed", "accuracy"),
    "validation_accuracy": _metric("validation", "accuracy"),
    "train_accuracy": _metric("train", "accuracy"),
    "test_r2": _metric("test", "r2"),
    "test_r2_deployed": _metric("test_deployed", "r2"),
    "validation_r2": _metric("validation", "r2"),
    "train_r2": _metric("train", "r2"),
    "test_loss": _metric("test", "loss"),
    "train_loss": _metric("train", "loss"),
    "bits": _counted("bits"),
    "payload_bits": _payload_bits,
    "learning_bits": _counted("bits", "learning."),
    "learning_entropy": _learning_entropy,
    "energy_j": _counted("energy"),
    "energy_bits_j": _energy_of("bits"),
    "energy_macs_j": _energy_of("multiply-accumulates"),
    "energy_reads_j": _energy_of("synapses read"),
    "energy_writes_j": _energy_of("synapses written"),
    "joules_to_90": _joules_to(0.9),
    "joules_to_95": _joules_to(0.95),
    "simulated_time_s": _seconds(_metric("train", "simulated_time")),
    "seconds_to_90": _seconds_to(0.9),
    "seconds_to_95": _seconds_to(0.95),
    "wall_time_s": _metric("train", "wall_time"),
    "staleness": _nothing,  # is measured over the whole run
    "alignment": _alignment,
}

_OF_ROWS: Mapping[str, Callable[[Rows], NDArray[np.float64]]] = {
    "lost": _lost,
    "lost_to_queues": _lost_to("overflow"),
    "lost_to_drops": _lost_to("dropped"),
    "lost_to_bit_errors": _lost_to("corrupted"),
    "lost_to_deadlines": _lost_to("late"),
    "queue_max": _largest("queue_max"),
    "utilisation": _largest("utilisation"),
}
"""Measures that are of a stretch of time, an epoch or the run, and no sums from the start."""
