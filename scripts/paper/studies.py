"""The studies, each with a page of its own: MNIST, a cut of it, the same at the paper's length, and CIFAR-10 on two
networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.paper import cifar10, mnist
from scripts.paper.campaign import EPOCHS, Cut
from scripts.paper.claims import Claim
from scripts.paper.experiments import RATE, Experiment, read_all, read_together


@dataclass(frozen=True)
class Study:
    """What is run on a data set, and what is asked.

    Attributes:
        data: the data set's common name.
        title: the page's headline.
        page: docs/PAGE.md, with pictures and numbers in docs/PAGE/.
        target: of `make`, which runs it, and the folder of its sweeps.
        whole: the command of which it is a cut; else its own.
        cut: how much is run.
        claims: what is judged.
        margins: the file in which they stand.
        experiments: reads them from scenarios/paper.
        network, training: their description on the page; training without the epochs.
        is_long: runs over days: its time is measured by a probe before it begins, and its page is written again
            whenever an experiment is done, or a seed of it where the cut is by seed.
    """

    data: str
    title: str
    page: str
    target: str
    whole: str
    cut: Cut
    claims: tuple[Claim, ...]
    margins: str
    experiments: Callable[[Path], list[Experiment]]
    network: str
    training: str
    is_long: bool = False


# --- MNIST ----------------------------------------------------------------------------------------------------

_DEEP = """\
784 inputs, 4 hidden layers of 100 tanh units unless said otherwise, 10 softmax units; normal weights of
  Glorot's scale (`models/mnist-mlp.toml`)"""

MNIST = Study(
    data="MNIST",
    title="The paper's claims on MNIST, tested",
    page="results",
    target="paper",
    whole="make paper",
    cut=Cut(epochs=6, tuning_epochs=3, seeds=5, coded=True),
    claims=mnist.CLAIMS,
    margins="scripts/paper/mnist.py",
    experiments=lambda folder: read_all(folder, "mnist"),
    network=_DEEP,
    training="""\
batches of 100, no momentum, learning rates that shrink by 10⁻⁶ per update, unless said
  otherwise""",
)


def _untuned(folder: Path) -> list[Experiment]:
    """The experiments, each at the learning rate of its scenario."""
    return [
        replace(experiment, rates=(experiment.scenario.training.learning_rate,))
        for experiment in read_all(folder, "mnist")
    ]


QUICK = replace(
    MNIST,
    title="A first look at the paper's claims on MNIST, in a quarter of an hour",
    page="results-quick",
    target="paper-quick",
    cut=Cut(epochs=3, tuning_epochs=0, seeds=3, train=20_000),
    experiments=_untuned,
    training="""\
batches of 100, no momentum, learning rates that shrink by 10⁻⁶ per update, unless said otherwise; no variant
  is tuned: each has the learning rate of its experiment, and comparisons of two experiments may be of two rates""",
)

PAPERS_RATE = 0.1


def _at_the_papers_length(folder: Path) -> list[Experiment]:
    """The experiments with mini-batches, each at the paper's learning rate, on all training images; after the rules the
    smallest come first, since the page shows an experiment once its runs are done."""
    changes = {"data.validation": 0, RATE: PAPERS_RATE, EPOCHS: FULL.cut.epochs}
    found = [
        replace(experiment, scenario=experiment.scenario.with_(changes), rates=(PAPERS_RATE,))
        for experiment in read_all(folder, "mnist")
        if experiment.scenario.training.batch == 100
    ]
    return sorted(found, key=lambda experiment: (experiment.name != "rules", len(experiment.variants)))


FULL = replace(
    MNIST,
    title="The paper's claims on MNIST at the paper's length, tested",
    page="results-full",
    target="paper-full",
    whole="make paper-full",
    cut=Cut(epochs=100, tuning_epochs=0, seeds=5),
    claims=mnist.IN_BATCHES,
    experiments=_at_the_papers_length,
    training="""\
as in the paper: batches of 100, no momentum, learning rate 0.1, which shrinks by 10⁻⁶ per update, unless
  said otherwise; no variant is tuned""",
    is_long=True,
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
    title="The paper's claims on CIFAR-10, tested",
    page="results-cifar10",
    target="paper-cifar",
    whole="make paper-cifar",
    cut=Cut(epochs=3, tuning_epochs=1, seeds=3, tuning_train=20_000),
    claims=cifar10.CLAIMS,
    margins="scripts/paper/cifar10.py",
    experiments=_cifar10,
    network="""\
three convolutions with 5 × 5 kernels (32, 32 and 64 maps of tanh units), each followed by pooling, 128 tanh
  units, 10 softmax units; normal weights of Glorot's scale (`models/cifar10-conv.toml`). It is not the paper's""",
    training="""\
the same for every rule, batches of 128, momentum 0.9, constant learning rates; each image
  is mirrored with probability 1/2 and moved by up to 2 pixels each time that it is shown""",
)


def _papers_cifar10(folder: Path) -> list[Experiment]:
    return [replace(experiment, name="rules") for experiment in read_all(folder, "cifar10")]


CIFAR10_NIGHT = replace(
    CIFAR10,
    title="The paper's claims on CIFAR-10 with the paper's network, tested",
    page="results-cifar10-paper",
    target="paper-cifar-night",
    whole="make paper-cifar-night",
    cut=Cut(epochs=20, tuning_epochs=0, seeds=3, by_seed=True),
    claims=cifar10.OF_THE_RULES,
    experiments=_papers_cifar10,
    network="""\
the paper's: three blocks of a convolution (64 maps of tanh units, 5 × 5 kernels, stride 1) and max-pooling
  (3 × 3, stride 2), 1,024 tanh units, 10 softmax units; normal weights of Glorot's scale. The padding of 2 pixels,
  of which the paper says nothing, is ours (`models/cifar10-paper.toml`)""",
    training="""\
the same for every rule and not tuned: batches of 128, momentum 0.9, learning rate 0.01, which shrinks by 10⁻⁵
  per update; each image is mirrored with probability 1/2 and moved by up to 10 % (3 pixels) each time that it is
  shown""",
    is_long=True,
)

STUDIES = (MNIST, QUICK, FULL, CIFAR10, CIFAR10_NIGHT)
