"""Runs the scenarios that come with the package and makes docs/gallery.md, with a picture and the result of each.

    .venv/bin/python -m scripts.gallery [NAME ...]

A NAME is that of `channelsim scenarios list`; without one all are run (a quarter of an hour, and MNIST is needed).
Results are kept in docs/gallery/results.json, so the page has those of scenarios that were not run again. `--page`
runs nothing.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter
from scipy.integrate import solve_ivp

import channelsim as cs
from channelsim import shipped, theory
from channelsim.units import percent, quantity
from scripts.physical import busiest, lost, on_ideal_channels

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "gallery.md"
FOLDER = PAGE.with_suffix("")
RECORD = FOLDER / "results.json"
BLACK, GREY, BLUE, RED = "#000000", "#888888", "#0072B2", "#D55E00"
MOST = 40_000
"""Bytes of a picture at most."""

INTRO = """# Gallery: every scenario that comes with the package

`channelsim scenarios list` lists them, and `channelsim scenarios copy NAME` puts one into your folder. In each picture
the left half is the accuracy on the test set (of an autoencoder R^2) after each epoch and, where the channels are not
ideal, that of the same network on ideal channels, in grey. The right half has the messages of the first frames, where
they take time: a bar from the moment at which a message goes onto its link until it has arrived (pale: it waits).
Elsewhere it has the bits per update of each channel. Forward channels are blue, learning channels red. All of it is
measured, with seed 1, by

    python -m scripts.gallery

which made this page. One run is no comparison: [compare rules fairly](howto/compare-rules.md).
"""

GROUPS = {
    "Handwritten digits": ("digits-", "The data come with the package; each takes about a second."),
    "MNIST": ("mnist-", "These need `channelsim data fetch mnist`, and take from seconds to a minute."),
    "Worked systems": (
        "physical/",
        "Links as they are built, or grown; [their page](../scenarios/physical/README.md) has the table of results.",
    ),
}


def main(names: list[str]) -> int:
    FOLDER.mkdir(exist_ok=True)
    found = {one.name: one.about for one in shipped.scenarios()}
    record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name in [] if names == ["--page"] else names or [one for one in found if not one.startswith("paper/")]:
        print(name, flush=True)
        record[name] = solved(name) if name.startswith("theory/") else simulated(name)
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(found, record), encoding="utf-8")
    return 0


def path_of(name: str) -> Path:
    return ROOT / "scenarios" / f"{name}.toml"


def simulated(name: str) -> dict[str, Any]:
    """Runs a scenario, and the same on ideal channels where its own are not; draws its picture."""
    scenario = cs.load(path_of(name))
    frames = 6 if scenario.schedule.mode == "pipelined" else 1 if scenario.training.batch != 1 else 2
    with tempfile.TemporaryDirectory() as scratch:
        traced = scenario.with_({"trace.events": f"first {frames} frames", "trace.weights": "none"})
        result = cs.run(traced, out=Path(scratch) / "run.h5")
        ideal = None
        if set(scenario.document()) & {"channels", "links", "synapses"}:
            ideal = cs.run(on_ideal_channels(traced), out=Path(scratch) / "ideal.h5")
        draw(result, ideal, FOLDER / f"{name.replace('/', '-')}.png")
        row = {
            "test_accuracy": percent(result.test_accuracy),
            "test_r2": f"{result.test_r2:.3f}",
            "deployed": percent(result.test_accuracy_deployed),
            "ideal": "" if ideal is None else percent(ideal.test_accuracy),
            "learning_bits": quantity(result.bits_per_update, "bit"),
            "time": quantity(result.simulated_time_s, "s") if result.simulated_time_s else "",
            "lost": percent(lost(result)) if scenario.learning.rule != "top" and lost(result) else "",
            "busiest": busiest(scenario, result),
        }
    return row


def solved(name: str) -> dict[str, Any]:
    """What becomes of a system of the theory, by the equation, or, where its channel is not ideal, by the engine."""
    if "channels" in tomllib.loads(path_of(name).read_text()):
        with tempfile.TemporaryDirectory() as scratch:
            result = cs.run(cs.load(path_of(name)).with_({"trace.weights": "epoch"}), out=Path(scratch) / "run.h5")
            with cs.Trace(result.trace) as trace:
                each = [trace.weights(epoch) for epoch in trace.epochs]
        path = np.array([[w[key].item() for key in ("W_1", "W_2")] for w in each])
        small(np.arange(1, len(path) + 1), path, "updates", name)
        return {"outcome": f"a = [{path[-1, 0]:.4g}, {path[-1, 1]:.4g}] after {len(path)} updates (engine)"}
    system = theory.load(path_of(name))
    outcome, flow = theory.solve(system), theory.flow(system)
    end = 1.2 * outcome.time if outcome.time else 3 * outcome.period if outcome.period else 10.0
    found = solve_ivp(lambda _, x: flow.velocity(x), (0, end), flow.start, dense_output=True, rtol=1e-8, atol=1e-10)
    times = np.linspace(0, found.t[-1], 400)
    small(times, found.sol(times).T, "rate x updates", name)
    return {"outcome": outcome.outcome}


def small(times: np.ndarray, weights: np.ndarray, words: str, name: str) -> None:
    """All weights of a small system over time."""
    figure = Figure(figsize=(2.8, 1.7), layout="constrained")
    axes = figure.subplots()
    for column, colour in zip(weights.T, itertools.cycle((BLACK, RED, BLUE, GREY)), strict=False):
        axes.plot(times, column, color=colour, linewidth=1.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    axes.set_xlabel(words, fontsize=7)
    axes.set_ylabel("weights", fontsize=7)
    figure.savefig(FOLDER / f"{name.replace('/', '-')}.png", dpi=110, pil_kwargs={"optimize": True})


def draw(result: cs.Result, ideal: cs.Result | None, out: Path) -> None:
    figure = Figure(figsize=(7.2, 2.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    with cs.Trace(result.trace) as trace:
        if ideal is not None:
            with cs.Trace(ideal.trace) as other:
                curve(left, other, color=GREY, linestyle="--", label="ideal channels")
        curve(left, trace, color=BLACK, label="this scenario")
        if ideal is not None:
            left.legend(frameon=False, fontsize=7, loc="lower right")
        if result.simulated_time_ps:
            timeline(right, trace)
        else:
            bits(right, result)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
    for dpi in (144, 110, 90, 72):
        figure.savefig(out, dpi=dpi, pil_kwargs={"optimize": True})
        if os.path.getsize(out) <= MOST:
            return


def curve(axes: Axes, trace: cs.Trace, **look: Any) -> None:
    test = trace.metrics("test")
    measure = "r2" if (test["accuracy"] != test["accuracy"]).all() else "accuracy"
    axes.plot(range(1, len(test) + 1), test[measure], linewidth=1.4, **look)
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_ylabel("test $R^2$" if measure == "r2" else "test accuracy", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if measure == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(color="#e5e5e5", linewidth=0.6)


def timeline(axes: Axes, trace: cs.Trace) -> None:
    """Each message of the first frames from its offer to its end; a row for each channel, the input's at the top."""
    events, names = trace.events(), trace.channel_names
    whole = int(events["complete"].max())
    for row, name in enumerate(names):
        rows = events[events["channel"] == row]
        colour = BLUE if name.startswith("forward") else RED
        for begin, end, alpha in (("offered", "start", 0.25), ("start", "complete", 0.85)):
            spans = [(1e-12 * int(one[begin]), 1e-12 * int(one[end] - one[begin])) for one in rows]
            axes.broken_barh(spans, (row - 0.38, 0.76), facecolor=colour, alpha=alpha, edgecolor="white", linewidth=0.2)
        short = [1e-12 * int(one["complete"]) for one in rows if one["complete"] - one["offered"] < whole / 200]
        axes.plot(short, [row] * len(short), "|", color=colour, markersize=7)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(EngFormatter("s"))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("simulated time", fontsize=8)


def bits(axes: Axes, result: cs.Result) -> None:
    names = list(result.channels)
    values = [result.channels[name]["bits"] / result.updates for name in names]
    axes.barh(range(len(names)), values, color=[BLUE if name.startswith("forward") else RED for name in names])
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(EngFormatter("bit"))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("per update", fontsize=8)


def page(found: dict[str, str], record: dict[str, Any]) -> str:
    parts = [INTRO]
    for title, (prefix, words) in GROUPS.items():
        parts += [f"## {title}\n", f"{words}\n"]
        parts += [
            entry(name, found[name], record[name]) for name in found if name.startswith(prefix) and name in record
        ]
    parts += ["## The paper's claims\n", PAPER]
    parts += [claim(name, about) for name, about in found.items() if name.startswith("paper/")]
    parts += ["", "## Theory\n", THEORY, "| scenario | its weights | what it is | outcome |", "|---|---|---|---|"]
    for name, about in found.items():
        if name.startswith("theory/"):
            outcome = record.get(name, {}).get("outcome", "")
            stem = name.split("/")[1]
            picture = f"![weights of {stem} over time](gallery/theory-{stem}.png)"
            parts.append(f"| [{stem}](../scenarios/{name}.toml) | {picture} | {about} | {outcome} |")
    return "\n".join(parts) + "\n"


PAPER = """Sweeps on MNIST and networks on CIFAR-10. `make paper` runs the sweeps and writes
[results.md](results.md), with the verdicts; `make paper-quick` a cut of them ([results-quick.md](results-quick.md)),
and `make paper-full` the same at the paper's length ([results-full.md](results-full.md)). `make paper-cifar` runs
CIFAR-10 ([results-cifar10.md](results-cifar10.md)), and `make paper-cifar-night` the paper's network on it
([results-cifar10-paper.md](results-cifar10-paper.md)).
"""

THEORY = """Small systems that `channelsim theory` solves and `channelsim run` simulates; [theory.md](theory.md) has the
statements. The small pictures show all weights of a system: by the equation over its own time, the learning rate times
the number of updates, or, where a channel is not ideal, by the engine over the updates.

![Flow of a chain with two weights, its optima and its saddles](theory/chain-rbp.svg)

    channelsim theory scenarios/theory/chain-rbp.toml
"""


def entry(name: str, about: str, row: dict[str, Any]) -> str:
    picture = f"{name.replace('/', '-')}.png"
    measured = f"R^2 {row['test_r2']}" if row["test_accuracy"] == "-" else row["test_accuracy"]
    facts = [f"**{measured}** on the test set"]
    if row["deployed"] != "-":
        facts.append(f"{row['deployed']} as deployed")
    if row["ideal"]:
        facts.append(f"{row['ideal']} on ideal channels")
    facts.append(f"{row['learning_bits']} of errors per update")
    if row["lost"]:
        facts.append(f"{row['lost']} of the errors lost")
    if row["time"]:
        facts.append(f"{row['time']} of simulated time")
        if row["busiest"] != "-":
            link, share = row["busiest"].split(", ")
            facts.append(f"busiest link {link}, {share}")
    return (
        f"### {name.rsplit('/', 1)[-1]}\n\n{about}.\n\n"
        f"![{name}: test accuracy by epoch; messages or bits by channel](gallery/{picture})\n\n"
        f"{', '.join(facts)}.\n\n    channelsim run scenarios/{name}.toml\n"
    )


def claim(name: str, about: str) -> str:
    stem = name.split("/")[1]
    picture = ROOT / "docs" / "results" / f"{stem}.svg"
    shown = f"\n\n![{about}](results/{stem}.svg)\n" if picture.exists() else ""
    return f"- [{stem}](../scenarios/{name}.toml): {about}{shown}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
