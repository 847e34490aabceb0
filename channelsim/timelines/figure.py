"""A timeline as a picture: a row for each layer and each link on which sending takes time, time from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plots import Picture, short
from channelsim.timelines import _counts
from channelsim.timelines._record import ENTRY, Timeline
from channelsim.units import format_duration

MOST_MESSAGES = 2000  # more would be a black area
_READABLE = 60  # arrows that are drawn where nothing is said
_WIDTH = 9.0  # inches
_FORWARD, _LEARNING, _SENDING, _WAITING, _LOST = "#0072B2", "#D55E00", "#56B4E9", "0.85", "#000000"
_LAYER, _LINK = 0.62, 0.34  # heights of bars, in rows
_NUMBER_CHARACTER = 0.0085  # widths of the axes that a digit takes
_THIN = 0.006  # widths of the axes
PS = 1e-12


def first_frames(timeline: Timeline) -> Timeline:
    """As many of the first frames as one can read, at least one."""
    frames, arrows = np.unique(timeline.sends["frame"][timeline.sends["sample"] == 0], return_counts=True)
    fit = int(np.searchsorted(np.cumsum(arrows), _READABLE, side="right"))
    return timeline if fit == len(frames) else timeline.frames(int(frames[0]), int(frames[max(fit, 1) - 1]))


def draw(timeline: Timeline) -> Figure:
    """The picture of a timeline."""
    figure = Picture(figsize=(_WIDTH, 1.3 + 0.36 * len(rows_of(timeline))), layout="constrained")
    axes = figure.subplots()
    draw_into(axes, timeline)
    figure.legend(handles=legend_of(timeline), loc="outside lower center", ncols=7, frameon=False, fontsize="small")
    for note in timeline.notes:
        axes.set_title(note, fontsize="x-small", color="0.3", loc="left")
    return figure


def draw_into(axes: Axes, timeline: Timeline) -> None:
    """Draws a timeline into axes that have nothing in them yet. Raises InputError for more than one can read,
    and where nothing takes time."""
    if len(timeline.sends) > MOST_MESSAGES:
        raise InputError(
            f"timeline: {len(timeline.sends):,} messages in one picture; accepted: at most {MOST_MESSAGES:,} (--frames "
            "A:B or --time A:B with fewer), or --format perfetto"
        )
    begin, end = timeline.begin, timeline.end
    if begin == end:
        raise InputError(
            f"timeline: all of it happens at one instant, {format_duration(begin)}; accepted: a run in which something "
            "takes time (bandwidth, latency or compute)"
        )
    rows = rows_of(timeline)
    margin = 0.01 * max(end - begin, 1)
    axes.set_xlim((begin - margin) * PS, (end + margin) * PS)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    for text, row in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_parse_math(False)
        text.set_color("0.35" if row.link is not None else "black")
    axes.xaxis.set_major_formatter(EngFormatter(unit="s"))
    axes.set_xlabel("simulated time")
    axes.grid(axis="x", color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    at_layer = {row.layer: y for y, row in enumerate(rows) if row.layer is not None}
    for y, row in enumerate(rows):
        if row.layer is not None:
            axes.axhline(y, color="0.75", linewidth=0.6, zorder=0.5)
            _layer(axes, timeline, row.layer, y, (begin, end))
        elif row.link is not None:
            _link(axes, timeline, row.link, y, (begin, end))
    _arrows(axes, timeline, at_layer)


@dataclass(frozen=True)
class Row:
    """A row of the picture: a layer, or a link."""

    name: str
    layer: int | None = None
    link: int | None = None


def rows_of(timeline: Timeline) -> list[Row]:
    """From the bottom up: the layers, each with the links of channels to it below or above it, then shared links."""
    names = dict(enumerate(timeline.links))
    own = {name: c for c, name in enumerate(timeline.channels)}
    used = [int(k) for k in np.unique(timeline.sends["link"]) if timeline.is_timed[k]]
    below: dict[int, list[Row]] = {}
    shared = []
    for k in used:
        row = Row(short(names[k]), link=k)
        if names[k] not in own:
            shared.append(row)
            continue
        channel = own[names[k]]
        target = int(timeline.target[channel])
        below.setdefault(target + bool(timeline.is_learning[channel]), []).append(row)
    rows = []
    for h, name in enumerate(timeline.layers):
        rows += [*below.get(h, ()), Row(name, layer=h)]
    return [*rows, *shared]


def _layer(axes: Axes, timeline: Timeline, layer: int, y: int, window: tuple[int, int]) -> None:
    """When a layer computed, and how long a frame waited until it did."""
    acts = timeline.acts[(timeline.acts["layer"] == layer)]
    for act in acts:
        ready, start, done = (int(act[name]) * PS for name in ("ready", "start", "done"))
        colour = _LEARNING if act["learning"] else _FORWARD
        if start > ready:
            axes.barh(y - 0.42, start - ready, left=ready, height=0.16, color=_WAITING, zorder=2)
        if done > start:
            _bar(axes, start, done, y, _LAYER, colour, window, "////" if act["learning"] else None)
        else:
            marker = "o" if act["channel"] == ENTRY else "v" if act["learning"] else "^"
            axes.plot(done, y, marker, color=colour, markersize=4, zorder=3)
        _number(axes, int(act["frame"]), start, done, y, window)


def _bar(
    axes: Axes, start: float, end: float, y: float, height: float, colour: str, window: tuple[int, int],
    hatch: str | None = None,
) -> None:  # fmt: skip
    """A bar, set off from its neighbours if it is wide enough for that."""
    wide = end - start > _THIN * (window[1] - window[0]) * PS
    axes.barh(
        y, end - start, left=start, height=height, color=colour, edgecolor="white" if wide else colour,
        linewidth=0.5, hatch=hatch if wide else None, zorder=3,
    )  # fmt: skip


def _number(axes: Axes, frame: int, start: float, end: float, y: float, window: tuple[int, int]) -> None:
    """The frame's number in its bar, if it has room there."""
    width = (window[1] - window[0]) * PS
    if width <= 0 or not window[0] * PS <= (start + end) / 2 <= window[1] * PS:
        return
    if end - start >= (len(str(frame)) + 1) * _NUMBER_CHARACTER * width:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        axes.text((start + end) / 2, y, str(frame), ha="center", va="center", fontsize=7, zorder=4, bbox=box)


def _link(axes: Axes, timeline: Timeline, link: int, y: int, window: tuple[int, int]) -> None:
    """What a link sent, how many messages were there, and what was lost."""
    sends = timeline.sends[timeline.sends["link"] == link]
    times, lengths = _counts.queue(timeline, link)
    waiting = np.maximum(lengths - 1, 0)
    if len(times) and waiting.max() > 0:
        top = int(waiting.max())
        axes.fill_between(
            times * PS, y - 0.05, y - 0.05 + 0.5 * waiting / top, step="post", color=_WAITING, linewidth=0, zorder=2
        )
        axes.annotate(
            f"{top} waiting", (times[waiting.argmax()] * PS, y + 0.45), fontsize=7, color="0.25", va="top", zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
        )  # fmt: skip
    for send in sends[(sends["lost"] == 0) & (sends["again"] == 0) & (sends["finish"] > sends["start"])]:
        start, finish = int(send["start"]) * PS, int(send["finish"]) * PS
        _bar(axes, start, finish, y - 0.25, _LINK, _SENDING, window)
        _number(axes, int(send["frame"]), start, finish, y - 0.25, window)
    _losses(axes, sends, y, window)


def _losses(axes: Axes, sends: NDArray[Any], y: int, window: tuple[int, int]) -> None:
    """Where events were lost: above in a queue, below on their way, with how many at that instant."""
    missing = sends["events"] - sends["delivered"]
    for lost, height in ((sends["lost"] != 0, y + 0.3), (sends["lost"] == 0, y - 0.25)):
        when = sends["complete"][lost & (missing > 0)]
        for time in np.unique(when[(when >= window[0]) & (when <= window[1])]):
            count = int(missing[lost & (sends["complete"] == time)].sum())
            axes.plot(int(time) * PS, height, "x", color=_LOST, markersize=5, zorder=5)
            axes.annotate(
                str(count), (int(time) * PS, height), xytext=(4, 0), textcoords="offset points", fontsize=7,
                va="center", zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8},
            )  # fmt: skip


def _arrows(axes: Axes, timeline: Timeline, at_layer: dict[int, int]) -> None:
    """From the sending of a frame's messages over a channel to the moment at which all of them are there."""
    sends, acts = timeline.sends, timeline.acts
    for send in sends[sends["sample"] == 0]:
        channel = int(send["channel"])
        is_learning = bool(timeline.is_learning[channel])
        arrives = int(acts["ready"][send["act"]]) if send["act"] >= 0 else int(send["complete"])
        axes.add_patch(
            FancyArrowPatch(
                (int(send["offered"]) * PS, at_layer[int(timeline.source[channel])]),
                (arrives * PS, at_layer[int(timeline.target[channel])]),
                arrowstyle="-|>", mutation_scale=7, color=_LEARNING if is_learning else _FORWARD, linewidth=0.8,
                linestyle="--" if is_learning else "-", shrinkA=0, shrinkB=0, alpha=0.7, zorder=2.5,
            )
        )  # fmt: skip


def legend_of(timeline: Timeline) -> Sequence[Patch | Line2D]:
    """What the marks mean: those that can be in the picture."""
    acts, sends = timeline.acts, timeline.sends
    learning = acts["learning"] != 0
    marks: list[Patch | Line2D] = []
    if (acts["done"] > acts["start"]).any():
        marks += [
            Patch(facecolor=_FORWARD, label="computes forward"),
            Patch(facecolor=_LEARNING, edgecolor="white", hatch="////", label="learns"),
        ]
    if (acts["done"] == acts["start"])[acts["layer"] > 0].any():
        marks += [
            Line2D([], [], marker="^", color=_FORWARD, linestyle="none", markersize=4, label="computes, in no time"),
            Line2D([], [], marker="v", color=_LEARNING, linestyle="none", markersize=4, label="learns, in no time"),
        ]
    marks.append(Line2D([], [], color=_FORWARD, linewidth=0.8, label="activities"))
    if learning.any():
        marks.append(Line2D([], [], color=_LEARNING, linewidth=0.8, linestyle="--", label="errors"))
    if timeline.is_timed[np.unique(sends["link"])].any():
        marks.append(Patch(facecolor=_SENDING, label="link sends"))
    if (acts["start"] > acts["ready"]).any() or (sends["start"] > sends["offered"]).any():
        marks.append(Patch(facecolor=_WAITING, label="waits"))
    if (sends["delivered"] < sends["events"]).any() or sends["lost"].any():
        marks.append(Line2D([], [], marker="x", color=_LOST, linestyle="none", markersize=5, label="events lost"))
    return marks
