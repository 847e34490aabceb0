"""The two studies, each with a page of its own: MNIST and CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.paper import cifar10, claims
from scripts.paper.claims import Claim
from scripts.paper.experiments import Experiment, read_all, read_together


@dataclass(frozen=True)
class Study:
    """What is run on a data set, and what is asked.

    Attributes:
        data: the data set's common name.
        page: docs/PAGE.md, with pictures and numbers in docs/PAGE/.
        whole: the command that runs all of it.
        claims: what is judged.
        margins: the file in which they stand.
        experiments: reads them from scenarios/paper.
        network, training: their description on the page; training without the epochs.
    """

    data: str
    page: str
    whole: str
    claims: tuple[Claim, ...]
    margins: str
    experiments: Callable[[Path], list[Experiment]]
    network: str
    training: str


# --- MNIST ----------------------------------------------------------------------------------------------------

MNIST = Study(
    data="MNIST",
    page="results",
    whole="make paper",
    claims=claims.CLAIMS,
    margins="scripts/paper/claims.py",
    experiments=read_all,
    network="""\
784 inputs, 4 hidden layers of 100 tanh units, 10 softmax units; normal weights of Glorot's scale
  (`models/mnist-mlp.toml`)""",
    training="""\
batches of 100 unless said otherwise, no momentum, learning rates that shrink by
  10⁻⁶ per update""",
)


# --- CIFAR-10 -------------------------------------------------------------------------------------------------

_VARIANTS = ("bp", "rbp", "srbp", "asrbp", "top", "srbp-3bit", "srbp-no-derivative", "srbp-sparse")
_RATES = (0.006, 0.02, 0.06, 0.2)
_SEEDS = (2, 3, 4, 5, 6)  # the scenarios' own seed, 1, tunes


def _cifar10(folder: Path) -> list[Experiment]:
    paths = [folder / f"cifar10-{variant}.toml" for variant in _VARIANTS]
    title, files = "The rules on the convolutional network", "scenarios/paper/cifar10-*.toml"
    return [read_together("rules", title, files, paths, _RATES, _SEEDS)]


CIFAR10 = Study(
    data="CIFAR-10",
    page="results-cifar10",
    whole="make paper-cifar",
    claims=cifar10.CLAIMS,
    margins="scripts/paper/cifar10.py",
    experiments=_cifar10,
    network="""\
three convolutions with 5 × 5 kernels (32, 32 and 64 maps of tanh units), each followed by pooling, 128 tanh
  units, 10 softmax units; normal weights of Glorot's scale (`models/cifar10-conv.toml`)""",
    training="""\
the same for every rule, batches of 128, momentum 0.9, constant learning rates; each image
  is mirrored with probability 1/2 and moved by up to 2 pixels each time that it is shown""",
)

STUDIES = (MNIST, CIFAR10)
