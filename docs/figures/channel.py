"""Draws the figures of docs/channel.md, beside this script.

    .venv/bin/python docs/figures/channel.py [NAME ...]

Quantizers, codes and draws are the package's own; clocks, queues and changes are read from traces of runs made here.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

import channelsim as cs
from channelsim import codes, hashing
from channelsim.plan import build
from channelsim.plan.layout import Quantizer
from channelsim.timelines import read
from channelsim.timelines.figure import draw_into, legend_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BLACK, RED, BLUE, GREEN, PINK, ORANGE, SKY = "#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"

# Three layers, one or two hidden ones of which receive errors: enough to show the clock.
TINY = {
    "name": "tiny",
    "seed": 2,
    "model": {
        "name": "tiny",
        "input": [64],
        "layers": [
            {"kind": "dense", "units": 20, "transfer": "tanh", "repeat": 2},
            {"kind": "dense", "units": 10, "transfer": "softmax"},
        ],
    },
    "data": {"name": "digits", "train": 200, "test": 50},
    "learning": {"rule": "srbp"},
    "training": {"epochs": 1, "batch": 1, "learning_rate": 0.02},
    "trace": {"events": "first 100 frames", "weights": "none"},
}


SCRATCH = tempfile.TemporaryDirectory()


def trace_of(scenario: cs.Scenario) -> cs.Trace:
    """The trace of a run, in a directory that is gone when the program ends."""
    folder = Path(tempfile.mkdtemp(dir=SCRATCH.name))
    return cs.Trace(cs.run(scenario, out=folder / "trace.h5").trace)


def record(**channel: Any) -> np.void:
    """The plan's record of a learning channel with these settings, from a layer of 10."""
    plan = build(cs.Scenario(**{**TINY, "channels": {"learning": channel}}), (64,), 10, 200)
    return plan.channels[-1]


# --- what happens to a value ---------------------------------------------------------------------------------


def quantizers() -> Figure:
    import torch  # for this figure only

    from channelsim.reference.quantizers import quantize

    figure, axes = _panels(1, 4, (10, 2.9), sharey=True)
    v = np.linspace(-1.3, 1.3, 1041, dtype=np.float32)
    draws = hashing.uniform32(hashing.bits(hashing.key(1, 0), v.size))
    row, a, u = torch.from_numpy(v)[None], torch.ones(1, 1), torch.from_numpy(draws)[None]
    shown = [
        ("log2, 3 exponents", Quantizer.LOG2, 3),
        ("uniform, 3 bits", Quantizer.UNIFORM, 3),
        ("sign", Quantizer.SIGN, 1),
        ("ternary", Quantizer.TERNARY, 1),
    ]
    for axis, (title, kind, levels) in zip(axes, shown, strict=True):
        axis.plot(v, v, ":", color="0.6", linewidth=1)
        if kind == Quantizer.UNIFORM:
            axis.plot(v, quantize(kind, levels, row, a, u)[0], ".", color=ORANGE, markersize=1.5, label="stochastic")
        axis.plot(v, quantize(kind, levels, row, a)[0], ".", color=BLUE, markersize=2.2, label="nearest")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("v / a")
    axes[1].legend(frameon=False, fontsize=8, markerscale=4, handletextpad=0.1)
    axes[0].set_ylabel("Q(v) / a")
    return figure


def threshold() -> Figure:
    figure, axes = _panels(2, 1, (8, 3.6), sharex=True, sharey=True)
    time = np.arange(40)
    x = 0.45 * np.exp(-time / 25) * hashing.normal(hashing.bits(hashing.key(7, 0), 40)) + 0.12
    for axis, residual in zip(axes, (False, True), strict=True):
        kept, sent, stored = 0.0, np.zeros(40), np.zeros(40)
        for t in time:
            value = x[t] + (kept if residual else 0.0)
            if abs(value) > 0.5:
                sent[t], kept = value, 0.0
            else:
                kept = value
            stored[t] = kept
        axis.axhspan(-0.5, 0.5, color="0.94")
        axis.bar(time, x, width=0.5, color="0.6", label="x")
        axis.plot(time[sent != 0], sent[sent != 0], "o", color=RED, label="sent")
        if residual:
            axis.step(time, stored, where="mid", color=BLUE, linewidth=1, label="residual")
        axis.set_title(
            f"threshold 0.5{' with residual' if residual else ''}: "
            f"{np.count_nonzero(sent)} of 40 sent, sum {sent.sum():.1f} of {x.sum():.1f}",
            fontsize=10,
        )
        axis.legend(frameon=False, fontsize=8, ncols=3, loc="upper right")
    axes[1].set_xlabel("message (sample)")
    return figure


def bit_errors() -> Figure:
    figure, axes = _panels(1, 3, (10, 3.0))
    shown = [
        ("uniform, 8 bits", {"quantize": {"kind": "uniform", "bits": 8, "scale": 1.0}}, np.float32(1 / 127) * 38),
        (
            "log2, 4 bits",
            {"quantize": {"kind": "log2", "exponents": 4, "silence": True, "scale": 1.0}},
            np.float32(0.25),
        ),
        ("float32", {}, np.float32(0.25)),
    ]
    for axis, (title, settings, value) in zip(axes, shown, strict=True):
        channel = record(**settings)
        word = codes.encode([value], 1.0, channel)[0]
        place = np.arange(int(channel["value_bits"]))
        flipped = np.array([word ^ np.uint32(1 << i) for i in place], dtype=np.uint32)
        values, valid = codes.decode(flipped, 1.0, channel)
        if title == "float32":
            values = np.abs(values)
            axis.set_yscale("log")
        axis.axhline(value, color="0.6", linewidth=1, linestyle=":")
        axis.plot(place[valid], values[valid], "o", color=RED, markersize=4, label="a wrong value")
        axis.plot(place[~valid], np.full((~valid).sum(), value), "x", color=BLACK, label="no value: lost")
        axis.set_title(
            title + (f": {value:.2g}" if title == "float32" else f": {value:.2g} is {word:0{len(place)}b}"), fontsize=10
        )
        axis.set_xlabel("flipped bit (0: least significant)")
        axis.invert_xaxis()
    axes[0].set_ylabel("value that is read")
    axes[1].legend(frameon=False, fontsize=8, loc="center right")
    axes[2].set_ylabel("its magnitude")
    return figure


# --- what a message costs --------------------------------------------------------------------------------------


def lengths() -> Figure:
    figure, axes = _panels(1, 2, (9, 3.2), sharey=True)
    active = np.arange(101)
    wide = {**TINY, "model": {**TINY["model"], "layers": [  # type: ignore[dict-item]
        {"kind": "dense", "units": 100, "transfer": "tanh", "repeat": 2},
        {"kind": "dense", "units": 10, "transfer": "softmax"},
    ]}}  # fmt: skip
    for axis, (title, quantize) in zip(
        axes, [("uniform, 8 bits", {"kind": "uniform", "bits": 8}), ("sign", {"kind": "sign"})], strict=True
    ):
        for encoding, colour, style in (("dense", BLUE, "-"), ("aer", RED, "-"), ("auto", BLACK, ":")):
            settings = {"forward": {"quantize": quantize, "encoding": encoding, "header": 64}}
            channel = build(cs.Scenario(**{**wide, "channels": settings}), (64,), 10, 200).channels[1]
            bits, _ = codes.message_bits(channel, active)
            axis.plot(active, bits, style, color=colour, label=encoding, linewidth=3 if encoding == "auto" else 1.6)
        axis.axhspan(0, 96, color="0.92")
        axis.text(2, 20, "header 64, scale 32", fontsize=8)
        axis.set_title(f"{title}, n = 100", fontsize=10)
        axis.set_xlabel("active neurons")
        axis.legend(frameon=False, fontsize=9)
    axes[0].set_ylabel("bits per message")
    return figure


# --- when it arrives --------------------------------------------------------------------------------------------


def clock() -> Figure:
    """One frame of six samples: its errors go one after another over a slow link."""
    channel = {
        "quantize": {"kind": "uniform", "bits": 8, "scale": 1.0},
        "header": 20,
        "bandwidth": "10 Mbit/s",
        "latency": "15 us",
        "jitter": "10 us",
        "deadline": "70 us",
    }
    scenario = cs.Scenario(**{**TINY, "training": {"epochs": 1, "batch": 6}, "channels": {"learning.2": channel}})
    with trace_of(scenario) as trace:
        record = read(trace)
    rows = record.sends
    rows = rows[(rows["frame"] == 0) & (rows["channel"] == record.channels.index("learning.2"))]
    figure, (axis,) = _panels(1, 1, (8, 3.4))
    draw_into(axis, record.between(int(rows["offered"][0]), int(rows["offered"][0]) + 85 * 10**6))
    deadline = (int(rows["offered"][0]) + 70 * 10**6) * 1e-12
    axis.axvline(deadline, color=RED, linestyle="--", linewidth=1)
    axis.text(deadline, 0.02, " deadline", color=RED, fontsize=8, transform=axis.get_xaxis_transform())
    figure.legend(handles=legend_of(record), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def schedules() -> Figure:
    """The way of each frame through the layers, up and down, under both schedules."""
    figure, axes = _panels(2, 1, (8, 4.6))
    channels = {"forward": {"latency": "10 us"}, "learning.2": {"latency": "15 us"}, "learning.1": {"latency": "35 us"}}
    modes: list[tuple[str, dict[str, Any]]] = [
        ("sequential", {}),
        ("pipelined, a frame every 15 µs", {"mode": "pipelined", "interval": "15 us"}),
    ]
    for axis, (title, schedule) in zip(axes, modes, strict=True):
        compute = {"forward": "4 us", "learning": "4 us"}
        with trace_of(cs.Scenario(**{**TINY, "channels": channels, "schedule": schedule, "compute": compute})) as trace:
            record = read(trace)
        draw_into(axis, record.between(0, 200 * 10**6))
        axis.set_title(title, fontsize=10)
    axes[0].set_xlabel("")
    figure.legend(handles=legend_of(record), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return figure


def queue() -> Figure:
    """Mean wait and loss on a link with random arrivals, by load, beside theory."""
    figure, axes = _panels(1, 2, (9, 3.2))
    loads = np.array([0.2, 0.4, 0.6, 0.7, 0.8, 0.9])
    base = cs.load(ROOT / "scenarios" / "physical" / "congested-link.toml")
    waits, lost = [], []
    for load in loads:
        endless = {"links.uplink.queue": "none", "channels.learning.deadline": "none"}
        scenario = base.with_({"schedule.interval": f"{100 / load:.3f} us", "training.epochs": 40, **endless})
        with trace_of(scenario) as trace:
            rows = trace.channels("learning.2")
            waits.append(rows["wait"].sum() / rows["messages"].sum() / 1e8)
        with trace_of(scenario.with_({"links.uplink.queue": 2})) as trace:
            rows = trace.channels("learning.2")
            lost.append(rows["lost_messages"].sum() / rows["messages"].sum())
    fine = np.linspace(0, 0.92, 100)
    axes[0].plot(fine, fine / (2 * (1 - fine)), color="0.6", label="M/D/1: ρ / 2(1 - ρ)")
    axes[0].plot(loads, waits, "o", color=BLUE, label="57,480 messages each")
    axes[0].set_ylabel("mean wait (transmission times)")
    axes[1].plot(loads, 100 * np.array(lost), "s-", color=RED, label="queue of 2")
    axes[1].set_ylabel("messages lost (%)")
    for axis in axes:
        axis.set_xlabel("load ρ")
        axis.legend(frameon=False, fontsize=9)
    return figure


def change() -> Figure:
    """A link that goes bad and recovers, and what learning does meanwhile."""
    figure, axes = _panels(1, 2, (9, 3.2))
    with trace_of(cs.load(ROOT / "scenarios" / "physical" / "degrading-link.toml")) as trace:
        accuracy = trace.metrics("test")
        alignment = {layer: trace.alignment(layer) for layer in ("1", "2")}
    axes[0].plot(accuracy["epoch"], 100 * accuracy["accuracy"], "o-", color=BLACK, markersize=4)
    axes[0].set_ylabel("test accuracy (%)")
    for (layer, rows), colour in zip(alignment.items(), (BLUE, GREEN), strict=True):
        axes[1].plot(rows["epoch"], rows["cosine"], "o-", color=colour, markersize=4, label=f"layer {layer}")
    axes[1].set_ylabel("cosine of error and gradient")
    axes[1].legend(frameon=False, fontsize=9)
    for axis in axes:
        axis.axvspan(5.5, 10.5, color=RED, alpha=0.12, linewidth=0)
        axis.set_xlabel("epoch (shaded: noise and bit errors)")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


LABELLED = {  # rows of the table in docs/channel.md: what they are called here, and where
    "threshold 0.5 with residual, `aer`": ("threshold 0.5 with residual", 0, 10, "left"),
    "threshold 0.5, `aer`": ("threshold 0.5, no residual", 7, -10, "left"),
    "sign of 0.1, error feedback": ("signs with feedback", 8, -3, "left"),
    "uniform, 4 bits of 1.0, stochastic": ("uniform, 4 bits", 0, 10, "center"),
    "log2, 3 bits of max": ("log2, 3 bits", 8, -7, "left"),
    "sign of max": ("signs", -8, -3, "right"),
    "ideal": ("32 bits per value", 8, 10, "right"),
}
SENDS_NO_ZERO = ("log2", "sign")


def bits() -> Figure:
    """Accuracy by bits per update: the table of docs/channel.md, those rows that change how the error is written."""
    figure, (axis,) = _panels(1, 1, (7.6, 3.7))
    nothing = 0.0
    for line in (HERE.parent / "channel.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or "±" not in cells[1]:
            continue
        name, (mean, spread) = cells[0], (float(part) for part in cells[1].removesuffix(" %").split("±"))
        if name.startswith("no learning channel"):
            nothing = mean
        if "bit errors" in name or not name.startswith(("ideal", "threshold", "log2", "uniform", "sign", "ternary")):
            continue
        number, unit = cells[3].split()
        sent = float(number) * {"bit": 1, "kbit": 1000}[unit]
        coarse = name.startswith(SENDS_NO_ZERO) and "feedback" not in name
        look = {"color": RED, "marker": "v"} if coarse else {"color": BLUE, "marker": "o"}
        axis.errorbar(sent, mean, spread, markersize=5, linewidth=1, capsize=2, **look)
        if name in LABELLED:
            words, x, y, side = LABELLED[name]
            axis.annotate(
                words, (sent, mean), (x, y), textcoords="offset points", ha=side, fontsize=9, color=look["color"]
            )
    axis.axhline(nothing, color="0.4", linestyle="--", linewidth=1)
    axis.text(7000, nothing - 0.4, "no errors sent: only the top layer learns", ha="right", va="top", fontsize=9)
    for words, colour, y in (
        ("small errors are sent as 0", BLUE, 69),
        ("small errors are sent as large ones", RED, 66),
    ):
        axis.text(7000, y, words, ha="right", fontsize=9, color=colour)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(EngFormatter("bit"))
    axis.set_ylim(63, 100)
    axis.set_xlabel("bits of errors per update")
    axis.set_ylabel("test accuracy (%)")
    return figure


def _panels(rows: int, columns: int, size: tuple[float, float], **more: Any) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, **more).flat)
    for axis in axes:
        axis.grid(color="0.92", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


FIGURES: dict[str, Callable[[], Figure]] = {
    "quantizers": quantizers,
    "threshold": threshold,
    "bit-errors": bit_errors,
    "lengths": lengths,
    "clock": clock,
    "schedules": schedules,
    "queue": queue,
    "change": change,
    "bits": bits,
}


def main(wanted: list[str]) -> int:
    for name, draw in FIGURES.items():
        if not wanted or name in wanted:
            draw().savefig(HERE / f"{name}.png", dpi=110)
            print(HERE / f"{name}.png", flush=True)
    return 0


if __name__ == "__main__":
    matplotlib.use("agg")
    sys.exit(main(sys.argv[1:]))
