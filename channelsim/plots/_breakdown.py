"""Where bits and joules went: bars by channel and cause of one run, or by cause of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from channelsim.accounting import by_cause
from channelsim.errors import InputError, printable
from channelsim.plots._style import COLOURS, tidy
from channelsim.trace import Trace
from channelsim.units import parse_energy

CAUSES = ("bits on links", "multiply-accumulates", "synapses read", "synapses written")
BITS = ("values, addresses and scales", "headers")
_HATCHES = (None, "////", "....", "xxxx")
_COLOURS = (COLOURS[2], COLOURS[1], COLOURS[3], COLOURS[5])
_MOST_BARS = 40


def energy_split(trace: Trace) -> dict[str, tuple[float, ...]]:
    """Channel -> joules by CAUSES, over the whole run, by the scenario's cost table (docs/design.md, section 7)."""
    table = trace.resolved["energy"]
    bit, mac, read, write = (parse_energy(table[key]) for key in ("bit", "mac", "synapse_read", "synapse_write"))
    return {name: by_cause((bit, mac, read, write), _totals(trace, name)) for name in trace.channel_names}


def bit_split(trace: Trace) -> dict[str, tuple[float, ...]]:
    """Channel -> bits by BITS, over the whole run."""
    split: dict[str, tuple[float, ...]] = {}
    for name in trace.channel_names:
        total = _totals(trace, name)
        split[name] = (float(total["bits"] - total["header_bits"]), float(total["header_bits"]))
    return split


def draw_breakdown(traces: Sequence[Trace], labels: Sequence[str]) -> Figure:
    """Two panels, bits and joules: a bar for each channel of one trace, or for each of several traces."""
    if len(traces) > _MOST_BARS:
        raise InputError(f"plot: --breakdown of {len(traces)} traces; accepted: at most {_MOST_BARS}")
    if not any(len(trace.channels(trace.channel_names[0])) for trace in traces):
        raise InputError(f"{traces[0].path}: no epoch is done yet, so there is nothing to draw")
    panels: list[tuple[str, str, tuple[str, ...], Callable[[Trace], dict[str, tuple[float, ...]]]]] = [
        ("bits sent", "bit", BITS, bit_split),
        ("energy", "J", CAUSES, energy_split),
    ]
    bars = len(traces) if len(traces) > 1 else len(traces[0].channel_names)
    figure = Figure(figsize=(9.0, 1.7 + 0.3 * bars), layout="constrained")
    for axes, (title, unit, causes, split) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        if len(traces) == 1:
            names, values = list(split(traces[0])), list(split(traces[0]).values())
        else:  # two may have one name
            names = [printable(label) for label in labels]
            values = [tuple(np.sum(list(split(trace).values()), axis=0)) for trace in traces]
        draw_bars(axes, title, unit, causes, names, np.array(values))
    if len(traces) == 1:
        figure.suptitle(printable(traces[0].name), fontsize="medium", parse_math=False)
    return figure


def draw_bars(
    axes: Any, title: str, unit: str, causes: Sequence[str], names: Sequence[str], values: NDArray[np.float64]
) -> None:
    """One panel: `values` (bars, causes), stacked, in `unit`, with the sum of each bar beside it."""
    left = np.zeros(len(names))
    for k, cause in enumerate(causes):
        axes.barh(
            range(len(names)), values[:, k], left=left, height=0.7, color=_COLOURS[k], hatch=_HATCHES[k],
            edgecolor="white", linewidth=0.5, label=cause,
        )  # fmt: skip
        left = left + values[:, k]
    shown = EngFormatter(unit=unit, places=1, sep="\N{NO-BREAK SPACE}")
    for y, total in enumerate(left):
        axes.annotate(
            shown(total), (total, y), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8, color="0.2"
        )
    axes.set_yticks(range(len(names)), names)
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.18)
    axes.set_xlim(left=0)
    axes.set_xlabel(title)
    axes.xaxis.set_major_formatter(EngFormatter(unit=unit, sep="\N{NO-BREAK SPACE}"))
    axes.locator_params(axis="x", nbins=4)
    tidy(axes)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22 - 0.3 / len(names)), ncols=2, frameon=False, fontsize=8)


def _totals(trace: Trace, name: str) -> dict[str, int]:
    rows = trace.channels(name)
    return {column: int(rows[column].sum()) for column in ("bits", "header_bits", "macs", "update_macs", "writes")}
