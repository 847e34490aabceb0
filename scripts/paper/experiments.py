"""The experiments: scenarios in scenarios/paper whose [sweep] spans variants, learning rates and seeds, and scenarios
that are the variants of one experiment together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import channelsim as cs
from channelsim.scenario import Quantize

RATE = "training.learning_rate"
SEED = "seed"
RULE = "learning.rule"

# Training images of the data sets.
_IMAGES = {"mnist": 60_000, "cifar10": 50_000}

# Key in which scenarios of one experiment may differ -> its value where nothing is changed.
_PLAIN: dict[str, Any] = {
    RULE: "bp",
    "learning.derivative": True,
    "learning.feedback.connections": "none",
    "channels.learning.quantize": "none",
}

# Swept key -> what its value is called in tables and figures.
_WORDS: dict[str, Any] = {
    "learning.derivative": lambda _: "without f′",  # with f′ is the default
    "learning.feedback.connections": lambda value: f"{value} wire{'s' if value > 1 else ''}",
    "learning.feedback.distribution": lambda value: f"{value} C",
    "learning.feedback.bits": lambda value: f"C in {value} bit{'s' if value > 1 else ''}",
    "learning.learning_rate": lambda value: f"C at {value}",
    "learning.route": lambda value: "every second layer" if "from 3" in value else "mixed",
    "channels.learning.quantize.exponents": lambda value: f"{value} exponent{'s' if value > 1 else ''}",
    "channels.learning.quantize": lambda value: f"{Quantize(**value).width} bits",
    "channels.learning.drop.probability": lambda value: f"{value:.0%} lost",
    "synapses.update.exponents": lambda value: f"{value} exponent{'s' if value > 1 else ''}",
}

# Swept key with an order -> the label of its axis. An experiment that sweeps it is drawn as curves.
AXES = {
    "learning.feedback.connections": "wires per neuron (mean)",
    "learning.feedback.bits": "bits of an entry of C",
    "channels.learning.quantize.exponents": "exponents of an error",
    "channels.learning.drop.probability": "share of the errors that is lost",
    "synapses.update.exponents": "exponents of an update",
}


@dataclass(frozen=True)
class Variant:
    """One way to learn: what an experiment's scenario is changed to, but for learning rate and seed.

    Attributes:
        label: its name in tables and figures, of its own within the experiment.
        rule: the learning rule.
        values: swept key -> value.
    """

    label: str
    rule: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """One file of scenarios/paper that has a [sweep], or several files without, a variant each.

    Attributes:
        name: the file's name, without its ending.
        files: where it stands, as the page shows it.
        title, comment: the head comment of the file: its first line and the rest.
        scenario: as in the (first) file; its own learning rate is the common one, its own seed that of tuning.
        variants: in the order of the sweep.
        rates: the grid of learning rates.
        seeds: of the runs that count.
    """

    name: str
    files: str
    title: str
    comment: str
    scenario: cs.Scenario
    variants: tuple[Variant, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]

    @property
    def images(self) -> int:
        """Training images that the data set has, those to validate on included."""
        return _IMAGES[self.scenario.data.name]

    @property
    def common_rate(self) -> float:
        """The learning rate that all variants have in common."""
        return self.scenario.training.learning_rate

    @property
    def axis(self) -> str | None:
        """The swept key that is an axis, if there is one: all variants have a number there."""
        keys = (key for key in self.variants[0].values if key in AXES)
        return next((key for key in keys if all(isinstance(v.values[key], int | float) for v in self.variants)), None)


def read(path: Path) -> Experiment:
    """The experiment in a file.

    Raises channelsim.InputError as `channelsim.load`, and ValueError if [sweep] is no grid of plain lists with learning
    rates and seeds, if the common rate is not in the grid, or if tuning has a seed of the runs that count.
    """
    scenario = cs.load(path)
    sweep = dict(scenario.sweep)
    for key, values in sweep.items():
        if not isinstance(values, list):
            raise ValueError(f"{path}: sweep.{key} must be a list here")
    rates, seeds = tuple(sweep.pop(RATE)), tuple(sweep.pop(SEED))
    _check_fair(path, scenario, rates, seeds)
    title, comment = _head(scenario.text)
    points = [dict(zip(sweep, point, strict=True)) for point in itertools.product(*sweep.values())]
    variants = tuple(_variant(scenario, values) for values in points)
    files = f"scenarios/paper/{path.name}"
    return Experiment(path.stem, files, title, comment, scenario, variants, rates, seeds)


def read_all(folder: Path) -> list[Experiment]:
    """All experiments of a folder: the rules first, for others are compared with them. Scenarios without a [sweep] are
    left out."""
    found = [read(path) for path in sorted(folder.glob("*.toml")) if cs.load(path).sweep]
    return sorted(found, key=lambda experiment: experiment.name != "rules")


def read_together(
    name: str, title: str, files: str, paths: Sequence[Path], rates: Sequence[float], seeds: Sequence[int]
) -> Experiment:
    """One experiment of these scenarios, a variant each, in this order; `files` names them together.

    Raises channelsim.InputError as `channelsim.load`, and ValueError if they differ in more than how they learn, or as
    `read`.
    """
    scenarios = [cs.load(path) for path in paths]
    first = scenarios[0]
    _check_fair(paths[0], first, rates, seeds)
    variants = []
    for path, scenario in zip(paths, scenarios, strict=True):
        values = {key: _given(scenario.document(), key, plain) for key, plain in _PLAIN.items()}
        if first.with_(values).digest() != scenario.digest():
            raise ValueError(f"{path}: differs from {paths[0].name} in more than {', '.join(_PLAIN)}")
        variants.append(_variant(scenario, values))
    heads = [" ".join(_head(scenario.text)).strip() for scenario in scenarios]
    lines = [
        f"- **{variant.label}** (`{path.name}`): {head}"
        for variant, path, head in zip(variants, paths, heads, strict=True)
    ]
    comment = "\n".join(lines) + "\n\nThe scenarios differ in nothing but that"
    return Experiment(name, files, title, comment, first, tuple(variants), tuple(rates), tuple(seeds))


def _check_fair(path: Path, scenario: cs.Scenario, rates: Sequence[float], seeds: Sequence[int]) -> None:
    if scenario.training.learning_rate not in rates:
        raise ValueError(f"{path}: the common rate, training.learning_rate, is not in the grid {rates}")
    if scenario.seed in seeds:
        raise ValueError(f"{path}: seed {scenario.seed} tunes and counts; tuning needs a seed of its own")


def _given(document: Mapping[str, Any], key: str, default: Any) -> Any:
    """The value of a dotted key that may not have been given."""
    found: Any = document
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return default
        found = found[part]
    return found


def _variant(scenario: cs.Scenario, values: dict[str, Any]) -> Variant:
    rule = values.get(RULE, scenario.learning.rule)
    words = [_WORDS[key](value) for key, value in values.items() if key != RULE and value != _PLAIN.get(key)]
    return Variant(", ".join([rule, *words]), rule, values)


def _head(text: str) -> tuple[str, str]:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    return lines[0], " ".join(lines[1:]).strip()
