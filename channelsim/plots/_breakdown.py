"""Where bits and joules went: bars by channel and cause of one run, or by cause of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from channelsim.accounting import by_cause
from channelsim.errors import InputError, printable
from channelsim.plots._costs import energy_costs
from channelsim.plots._style import COLOURS, Picture, tidy
from channelsim.trace import Trace

CAUSES = ("bits on links", "multiply-accumulates", "synapses read", "synapses written")
BITS = ("values, addresses and scales", "headers")
_HATCHES = (None, "////", "....", "xxxx")
_COLOURS = (COLOURS[2], COLOURS[1], COLOURS[3], COLOURS[5])
MOST_BARS = 40


def energy_split(trace: Trace) -> dict[str, tuple[float, ...]]:
    """Channel -> joules by CAUSES, over the whole run, by the scenario's cost table (docs/design.md, section 7)."""
    costs = energy_costs(trace)
    return {name: by_cause(costs, _totals(trace, name)) for name in trace.channel_names}


def bit_split(trace: Trace) -> dict[str, tuple[float, ...]]:
    """Channel -> bits by BITS, over the whole run."""
    split: dict[str, tuple[float, ...]] = {}
    for name in trace.channel_names:
        total = _totals(trace, name)
        split[name] = (float(total["bits"] - total["header_bits"]), float(total["header_bits"]))
    return split


def draw_breakdown(traces: Sequence[Trace], labels: Sequence[str]) -> Figure:
    """Two panels, bits and joules: a bar for each channel of one trace, or for each of several traces."""
    if len(traces) > MOST_BARS:
        raise InputError(f"plot: --breakdown of {len(traces)} traces; accepted: at most {MOST_BARS}")
    if not any(len(trace.channels(trace.channel_names[0])) for trace in traces):
        raise InputError(f"{traces[0].path}: no epoch is done yet, so there is nothing to draw")
    names = list(traces[0].channel_names) if len(traces) == 1 else [printable(label) for label in labels]
    panels = []
    for title, unit, causes, split in (("bits sent", "bit", BITS, bit_split), ("energy", "J", CAUSES, energy_split)):
        found = [np.array(list(split(trace).values())) for trace in traces]
        panels.append(Panel(title, unit, causes, found[0] if len(found) == 1 else np.array([v.sum(0) for v in found])))
    figure = draw_bars(names, panels)
    if len(traces) == 1:
        figure.suptitle(printable(traces[0].name), fontsize="medium", parse_math=False)
    return figure


@dataclass(frozen=True)
class Panel:
    """Stacked bars: `values` (bars, causes), in a unit that takes SI prefixes."""

    title: str
    unit: str
    causes: Sequence[str]
    values: NDArray[np.float64]


def draw_bars(names: Sequence[str], panels: Sequence[Panel]) -> Figure:
    """Panels side by side, which share the names of their bars."""
    figure = Picture(figsize=(9.0, 1.7 + 0.3 * len(names)), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        draw_panel(axes, names, panel)
    return figure


def draw_panel(axes: Any, names: Sequence[str], panel: Panel) -> None:
    """One panel, with the sum of each bar beside it."""
    left = np.zeros(len(names))
    for k, cause in enumerate(panel.causes):
        axes.barh(
            range(len(names)), panel.values[:, k], left=left, height=0.7, color=_COLOURS[k], hatch=_HATCHES[k],
            edgecolor="white", linewidth=0.5, label=cause,
        )  # fmt: skip
        left = left + panel.values[:, k]
    shown = EngFormatter(unit=panel.unit, places=1, sep="\N{NO-BREAK SPACE}")
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
    axes.set_xlabel(panel.title)
    axes.xaxis.set_major_formatter(EngFormatter(unit=panel.unit, sep="\N{NO-BREAK SPACE}"))
    axes.locator_params(axis="x", nbins=4)
    tidy(axes)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22 - 0.3 / len(names)), ncols=2, frameon=False, fontsize=8)


def _totals(trace: Trace, name: str) -> dict[str, int]:
    rows = trace.channels(name)
    return {column: int(rows[column].sum()) for column in ("bits", "header_bits", "macs", "update_macs", "writes")}
