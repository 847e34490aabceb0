"""The experiments: scenarios in scenarios/paper whose [sweep] spans variants, learning rates and seeds, and scenarios
that are the variants of one experiment together."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import channelsim as cs
from channelsim.scenario import Quantize

RATE = "training.learning_rate"
SEED = "seed"
RULE = "learning.rule"
EXPONENTS = "channels.learning.quantize.exponents"

# Training images of the data sets.
_IMAGES = {"mnist": 60_000, "cifar10": 50_000}

# Key in which scenarios of one experiment may differ -> its value where nothing is changed.
_PLAIN: dict[str, Any] = {
    RULE: "bp",
    "learning.derivative": True,
    "learning.feedback.connections": "none",
    "channels.learning.quantize": "none",
}


def _some(noun: str) -> Any:
    return lambda number: f"{number} {noun}{'s' if number > 1 else ''}"


# Swept key -> what its value is called in tables and figures.
_WORDS: dict[str, Any] = {
    "learning.derivative": lambda _: "without f′",  # with f′ is the default
    "learning.feedback.connections": _some("wire"),
    "learning.feedback.distribution": lambda value: f"{value} C",
    "learning.feedback.bits": lambda value: f"C in {value} bit{'s' if value > 1 else ''}",
    "learning.feedback.congruent": lambda _: "congruent",
    "learning.feedback.copies": lambda value: f"{value} C averaged",
    "learning.feedback.mean": lambda value: f"C of mean {value}",
    "learning.feedback.per": lambda value: f"C per {value}",
    "learning.feedback.rank": lambda value: f"C of rank {value}",
    "learning.feedback.redraw": lambda _: "C drawn anew",
    "learning.learning_rate": lambda value: f"C at {value}",
    "learning.route": lambda value: (
        "cascade" if "cascade" in value else "every second layer" if "from 3" in value else "mixed"
    ),
    EXPONENTS: _some("exponent"),
    "channels.learning.quantize": lambda value: f"{Quantize(**value).width} bits",
    "channels.learning.drop.probability": lambda value: f"{value:.0%} lost",
    "model.layers.0.repeat": _some("hidden layer"),
    "model.layers.0.transfer": str,
    "synapses.update": lambda value: {"sign": "signs of updates", "abs": "sizes of updates"}[value["kind"]],
    "synapses.update.exponents": _some("exponent"),
    "training.weight_decay": lambda value: f"weight decay {value}",
}

# Swept key with an order -> the label of its axis. An experiment that sweeps it is drawn as curves.
AXES = {
    "learning.feedback.connections": "wires per neuron (mean)",
    "learning.feedback.bits": "bits of an entry of C",
    "learning.feedback.rank": "rank of C",
    EXPONENTS: "exponents of an error",
    "channels.learning.drop.probability": "share of the errors that is lost",
    "model.layers.0.repeat": "hidden layers",
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

    @property
    def settings(self) -> str:
        """The arguments of `channelsim run` that change the experiment's scenario to this."""
        return " ".join(f"--set {key}={_shown(value)}" for key, value in self.values.items())


def _shown(value: Any) -> str:
    """A value as the command line takes it, quoted where a shell would take it apart."""
    if isinstance(value, str):
        return value
    return f"'{_toml(value)}'" if isinstance(value, list | dict) else json.dumps(value)


def _toml(value: Any) -> str:
    """A list, or a table of words and numbers, in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


@dataclass(frozen=True)
class Experiment:
    """One file of scenarios/paper that has a [sweep], or several files without, a variant each.

    Attributes:
        name: the file's name, without its ending.
        files: where it stands, as the page shows it.
        title, comment: the head comment of the file: its first line and the rest.
        scenario: as in the (first) file; its own seed is that of tuning.
        variants: in the order of the sweep.
        rates: the grid of learning rates; a single one is not tuned.
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
    def is_tuned(self) -> bool:
        """Whether each variant's learning rate is chosen from a grid."""
        return len(self.rates) > 1

    @property
    def axis(self) -> str | None:
        """The swept key that is an axis, if there is one: all variants have a number there, and not all the same."""
        for key in self.variants[0].values:
            values = [variant.values[key] for variant in self.variants]
            if key in AXES and all(isinstance(value, int | float) for value in values) and len(set(values)) > 1:
                return key
        return None


def read(path: Path) -> Experiment:
    """The experiment in a file.

    Raises channelsim.InputError as `channelsim.load`, and ValueError if learning rates and seeds are no plain lists, if
    the scenario's own rate is not in the grid, or if tuning has a seed of the runs that count.
    """
    scenario = cs.load(path)
    sweep = dict(scenario.sweep)
    for key in (RATE, SEED):
        if not isinstance(sweep.get(key), list):
            raise ValueError(f"{path}: sweep.{key} must be a list here")
    rates, seeds = tuple(sweep.pop(RATE)), tuple(sweep.pop(SEED))
    _check_fair(path, scenario, rates, seeds)
    title, comment = _head(scenario.text)
    axes = scenario.with_({"sweep": sweep}).grid().axes
    points = [
        {key: value for axis, step in zip(axes, steps, strict=True) for key, value in zip(axis.keys, step, strict=True)}
        for steps in itertools.product(*(axis.steps for axis in axes))
    ]
    variants = tuple(_variant(scenario, values) for values in points)
    return Experiment(path.stem, f"scenarios/paper/{path.name}", title, comment, scenario, variants, rates, seeds)


def read_all(folder: Path, data: str) -> list[Experiment]:
    """All experiments of a folder on these data: the rules first, for others are compared with them. Scenarios without
    a [sweep] are left out."""
    scenarios = {path: cs.load(path) for path in sorted(folder.glob("*.toml"))}
    found = [read(path) for path, scenario in scenarios.items() if scenario.sweep and scenario.data.name == data]
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
        raise ValueError(f"{path}: its own training.learning_rate is not in the grid {rates}")
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
    words = [
        _WORDS[key](value)
        for key, value in values.items()
        if key != RULE and not _of_a_layer(key) and value != _PLAIN.get(key)
    ]
    return Variant(", ".join([rule, *words, *_frozen(values)]), rule, values)


def _of_a_layer(key: str) -> bool:
    """Whether the key is the learning rate of a single layer."""
    return key.startswith(f"{RATE}.")


def _frozen(values: Mapping[str, Any]) -> list[str]:
    """The layers whose learning rate is 0, in words, if there are any."""
    layers = [int(key.rsplit(".", 1)[1]) for key, value in values.items() if _of_a_layer(key) and value == 0]
    if not layers:
        return []
    return [f"layers {min(layers)}-{max(layers)} frozen" if len(layers) > 1 else f"layer {layers[0]} frozen"]


def _head(text: str) -> tuple[str, str]:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    return lines[0], " ".join(lines[1:]).strip()
