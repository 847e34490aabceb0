"""The users' files of these tests, and scenarios that name them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

FUNCTIONS, RULES, METRICS = (str(Path(__file__).with_name(name)) for name in ("functions.py", "rules.py", "metrics.py"))


def use(name: str, **parameters: float) -> dict[str, Any]:
    """A stage, transfer function or loss, as a scenario names it."""
    return {"use": f"{FUNCTIONS}:{name}", **parameters}


def use_rule(name: str, **parameters: float) -> dict[str, Any]:
    return {"use": f"{RULES}:{name}", **parameters}


@dataclass(frozen=True)
class Kind:
    """A scenario with a part of a kind.

    Attributes:
        file: the user's file, which stands beside the scenario as `mine.py`.
        key: the one that names the part.
        keys: what the scenario has besides, or instead, of `KEYS`, in TOML.
        told: what the scenario as text says of the part.
        parameter: the key of a parameter of the part.
        values: two values of it, with which runs differ.
    """

    file: str
    key: str
    keys: dict[str, str]
    told: str
    parameter: str
    values: tuple[float, float]


TANH, SOFTMAX = (
    '{ kind = "dense", units = 6, transfer = "tanh" }',
    '{ kind = "dense", units = 4, transfer = "softmax" }',
)
KEYS = {
    "name": '"own"',
    "model": f'{{ name = "m", input = [16], layers = [{TANH}, {SOFTMAX}] }}',
    "data": '{ name = "synthetic", train = 60, test = 20 }',
    "training.epochs": "2",
    "training.batch": "3",
    "learning.rule": '"srbp"',
}
MODEL = f"""
name = "m"
input = [16]
layers = [
    {{ kind = "dense", units = 6, transfer = "mine.py:gelu" }},
    {{ kind = "dense", units = 5, transfer = {{ use = "mine.py:leaky_relu", slope = 0.1 }} }},
    {SOFTMAX},
]
"""
KINDS = {
    "stage": Kind(
        FUNCTIONS,
        "channels.learning.stage",
        {"channels.learning.stage": '{ use = "mine.py:saturate", gain = 0.8, limit = 1.0 }'},
        "stage mine.py:saturate",
        "channels.learning.stage.gain",
        (0.5, 0.8),
    ),
    "transfer function": Kind(
        FUNCTIONS,
        "model.layers[0].transfer",
        {"model": '"net.toml"'},
        "mine.py:gelu, mine.py:leaky_relu, softmax",
        "model.layers.1.transfer.slope",
        (0.1, 0.5),
    ),
    "loss": Kind(
        FUNCTIONS,
        "training.loss",
        {"training.loss": '{ use = "mine.py:huber", delta = 0.3 }'},
        "loss mine.py:huber",
        "training.loss.delta",
        (0.1, 0.5),
    ),
    "rule": Kind(
        RULES,
        "learning.rule",
        {"learning.rule": '{ use = "mine.py:kolen_pollack", decay = 0.01 }'},
        "mine.py:kolen_pollack",
        "learning.rule.decay",
        (0.0, 0.01),
    ),
    "metric": Kind(
        METRICS,
        "metrics.correct",
        {"metrics.correct": '{ use = "mine.py:correct" }', "metrics.top2": '{ use = "mine.py:top_k", k = 2 }'},
        "correct (mine.py:correct), top2 (mine.py:top_k)",
        "metrics.top2.k",
        (1, 4),
    ),
    "data set": Kind(
        METRICS,
        "data.dataset",
        {"data": '{ dataset = { use = "mine.py:blobs", n = 120 }, validation = 10 }'},
        "mine.py:blobs",
        "data.dataset.n",
        (60, 120),
    ),
}


def written(folder: Path, *kinds: str) -> Path:
    """The scenario with these kinds of parts, whose file is the same, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    [file] = {KINDS[kind].file for kind in kinds}
    keys = KEYS.copy()
    for kind in kinds:
        keys |= KINDS[kind].keys
    (folder / "mine.py").write_text(Path(file).read_text())
    (folder / "net.toml").write_text(MODEL)
    (folder / "own.toml").write_text("\n".join(f"{key} = {value}" for key, value in keys.items()))
    return folder / "own.toml"


def elsewhere(folder: Path, kind: str) -> Path:
    """The scenario, in a folder below that of the user's file."""
    path = written(folder / "here", kind)
    (path.parent / "mine.py").rename(folder / "mine.py")
    for file in path.parent.glob("*.toml"):
        file.write_text(file.read_text().replace('"mine.py', '"../mine.py'))
    return path
