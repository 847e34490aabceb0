"""Measures on the MNIST network why random backpropagation learns: the numbers and figures of docs/explanations.md.

    .venv/bin/python scripts/explanations.py

Each rule learns for six epochs at a learning rate of 0.3. After some frames, close together at
first, the learning signals that arrive are compared with the gradient's, C with the weights that it stands for, and
each layer's weights with those of the start.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import channelsim as cs
from channelsim import alignment, engine
from channelsim.data import Dataset, dataset_of
from channelsim.plan import Plan, build

ROOT = Path(__file__).resolve().parent.parent
SCENARIO = ROOT / "scenarios" / "paper" / "rules.toml"
FOLDER = ROOT / "docs" / "explanations"
FRAMES = (0, 10, 30, 100, 300, 600, 1100, 1650, 2200, 2750, 3300)
SEEDS = (1, 2, 3)
PROBE = 500
VARIANTS: dict[str, dict[str, object]] = {
    "bp": {"learning.rule": "bp"},
    "rbp": {"learning.rule": "rbp"},
    "rbp, congruent": {"learning.rule": "rbp", "learning.feedback.congruent": True},
    "sign": {"learning.rule": "sign"},
    "srbp": {"learning.rule": "srbp"},
    "srbp, congruent": {"learning.rule": "srbp", "learning.feedback.congruent": True},
    "arbp": {"learning.rule": "arbp"},
    "asrbp": {"learning.rule": "asrbp"},
    "top": {"learning.rule": "top"},
}
BASE = {"training.learning_rate": 0.3}


@dataclass(frozen=True)
class Row:
    """One layer at one time: columns of docs/explanations/runs.csv."""

    variant: str
    seed: int
    frame: int
    layer: int
    cosine: float
    sign_agreement: float
    feedback_cosine: float
    feedback_sign_agreement: float
    moved: float
    test_accuracy: float


def main() -> int:
    matplotlib.use("Agg")
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = list(measured())
    with (FOLDER / "runs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(Row.__annotations__), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**vars(row)} for row in rows)
    figure(rows).savefig(FOLDER / "alignment.svg")
    print(table(rows))
    return 0


def measured() -> Iterator[Row]:
    for variant, settings in VARIANTS.items():
        for seed in SEEDS:
            scenario = cs.load(SCENARIO).with_(**BASE, **settings, seed=seed)
            data = dataset_of(scenario)
            plan = build(scenario, data.shape, data.classes, len(data.train_x))
            yield from course(variant, seed, plan, data)
            print(f"{variant}, seed {seed}", file=sys.stderr)


def course(variant: str, seed: int, plan: Plan, data: Dataset) -> Iterator[Row]:
    """One run, looked at between its frames."""
    state = engine.start(plan, data)
    probe = alignment.Probe(data, PROBE)
    first = state.weights.copy()
    for frame in (*FRAMES, plan.frames):
        engine.advance(plan, state, frame)
        engine.settle(state)
        _, accuracy = engine.evaluate(state, data.test_x, data.test_y)
        found = {row.layer: row for row in alignment.measure(state, probe)}
        for h, layer in enumerate(plan.layers[1:], 1):
            part = slice(int(layer["w_offset"]), int(layer["w_offset"] + layer["w_size"]))
            own = found.get(plan.layer_names[h - 1])
            numbers = (
                (own.cosine, own.sign_agreement, own.feedback_cosine, own.feedback_sign_agreement)
                if own
                else (np.nan,) * 4
            )
            yield Row(variant, seed, frame, h, *map(float, numbers), moved(state.weights[part], first[part]), accuracy)


def mean(rows: list[Row], variant: str, frame: int, layer: int, name: str) -> float:
    """A number of one layer at one time, over the seeds."""
    chosen = [row for row in rows if (row.variant, row.frame, row.layer) == (variant, frame, layer)]
    return float(np.mean([getattr(row, name) for row in chosen]))


def figure(rows: list[Row]) -> Figure:
    """For each variant: alignment of what arrives, of C, and the distance of weights from their start, by frame."""
    frames = sorted({row.frame for row in rows})
    shown = [variant for variant in VARIANTS if variant not in ("bp", "top")]
    panels = (("cosine", "cosine of what\narrives and gradient"), ("feedback_cosine", "cosine of C and W"),
              ("moved", "distance of W\nfrom its start"))  # fmt: skip
    drawn = Figure(figsize=(2.1 * len(shown), 6.2), layout="constrained")
    axes = drawn.subplots(len(panels), len(shown), sharex=True, sharey="row")
    colours = ("#E69F00", "#56B4E9", "#009E73", "#0072B2", "#000000")
    styles = ("-", "--", "-.", ":", "-")
    for column, variant in enumerate(shown):
        axes[0, column].set_title(variant, fontsize=10)
        for row, (name, words) in enumerate(panels):
            panel = axes[row, column]
            for layer in range(1, 6 if name == "moved" else 5):
                course = [mean(rows, variant, frame, layer, name) for frame in frames]
                panel.plot(
                    frames, course, color=colours[layer - 1], ls=styles[layer - 1], lw=1.4, label=f"layer {layer}"
                )
            panel.set_xscale("symlog", linthresh=10)
            panel.grid(alpha=0.25)
            if column == 0:
                panel.set_ylabel(words)
        axes[-1, column].set_xlabel("updates")
    handles, labels = axes[-1, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return drawn


def table(rows: list[Row]) -> str:
    """Of each variant: test accuracy at the end, and each hidden layer's numbers early and at the end, as Markdown."""
    last = max(row.frame for row in rows)
    lines = [
        f"| variant | accuracy | cosine after 100 updates, layers 1 to 4 | after {last} | C and W after {last} | "
        f"signs of C and W after {last} | first half of the way: updates, layers 1 to 5 |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant in VARIANTS:
        accuracy = mean(rows, variant, last, 5, "test_accuracy")
        cells = [variant, f"{100 * accuracy:.2f} %"]
        wanted = ((100, "cosine"), (last, "cosine"), (last, "feedback_cosine"), (last, "feedback_sign_agreement"))
        for frame, name in wanted:
            cells.append(" ".join(_cell(mean(rows, variant, frame, layer, name)) for layer in range(1, 5)))
        cells.append(" ".join(_half(rows, variant, layer) for layer in range(1, 6)))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def _half(rows: list[Row], variant: str, layer: int) -> str:
    """The first measured frame after which the weights have moved half as far as at the end."""
    frames = sorted({row.frame for row in rows})
    course = [mean(rows, variant, frame, layer, "moved") for frame in frames]
    if course[-1] == 0:
        return "-"
    return str(next(frame for frame, far in zip(frames, course, strict=True) if far >= course[-1] / 2))


def moved(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """How far a layer's weights are from their start, in units of their start."""
    return float(np.linalg.norm(now - before) / np.linalg.norm(before))


if __name__ == "__main__":
    sys.exit(main())
