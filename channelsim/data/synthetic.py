"""Small sets made from the counter hash: the same on every machine and learnable in seconds.

Sample i of a set is a function of i alone, so asking for more samples leaves the first ones as they are. The
scenario's seed plays no part: like the images of MNIST, the samples are the same for every seed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.data.known import Entry, Known
from channelsim.data.raw import Raw

DEFAULT_TRAIN = 1000
DEFAULT_TEST = 200

PROTOTYPES, LABELS, VALUES, PRESENCE = range(4)
"""What a number is drawn for: the frame counter of its key. The sample counter is 0 to train, 1 to test."""


def load(name: str, train: int, test: int) -> Raw:
    """`train` and `test` samples of a set of `KINDS`: float32 (samples, inputs), values 0..1."""
    draw, inputs, classes, stream = KINDS[name]
    train_y, test_y = (_integers(stream, LABELS, part, n, classes) for part, n in enumerate((train, test)))
    train_x, test_x = (draw(stream, part, y, inputs, classes) for part, y in enumerate((train_y, test_y)))
    return Raw(train_x, train_y, test_x, test_y, (inputs,), classes)


def made(name: str, train: int | None, test: int | None, validation: int) -> Raw:
    """The set of this name or alias in the size that is asked for, validation samples beside those for training; by
    default 1000 and 200."""
    n_train, n_test = (DEFAULT_TRAIN if train is None else train), (DEFAULT_TEST if test is None else test)
    return load(ALIASES.get(name, name), max(n_train, 0) + max(validation, 0), max(n_test, 0))


def _blobs(stream: int, part: int, labels: NDArray, inputs: int, classes: int) -> NDArray[np.float32]:
    """A cloud around one random point of the cube a class (normal, deviation 0.15), clipped to 0..1."""
    centres = hashing.uniform(_words(stream, PROTOTYPES, 0, (classes, inputs)))
    noise = hashing.normal(_words(stream, VALUES, part, (len(labels), inputs)))
    return np.clip(centres[labels] + 0.15 * noise, 0.0, 1.0).astype(np.float32)


def _sparse(stream: int, part: int, labels: NDArray, inputs: int, classes: int) -> NDArray[np.float32]:
    """Mostly zero inputs: a quarter belong to a class, and half of those are active, with a value of 0.5..1.

    Of the others, one in fifty is active.
    """
    owned = hashing.uniform(_words(stream, PROTOTYPES, 0, (classes, inputs))) < 0.25
    presence = hashing.uniform(_words(stream, PRESENCE, part, (len(labels), inputs)))
    values = 0.5 + 0.5 * hashing.uniform(_words(stream, VALUES, part, (len(labels), inputs)))
    return np.where(presence < np.where(owned[labels], 0.5, 0.02), values, 0.0).astype(np.float32)


def _words(stream: int, purpose: int, part: int, shape: tuple[int, int]) -> NDArray[np.uint64]:
    return hashing.bits(hashing.key(0, stream, purpose, part), shape[0] * shape[1]).reshape(shape)


def _integers(stream: int, purpose: int, part: int, n: int, below: int) -> NDArray[np.int32]:
    return (hashing.uniform(_words(stream, purpose, part, (n, 1))[:, 0]) * below).astype(np.int32)


Draw = Callable[[int, int, NDArray, int, int], NDArray[np.float32]]

KINDS: dict[str, tuple[Draw, int, int, int]] = {
    "synthetic.blobs": (_blobs, 16, 4, hashing.Stream.DATA.of(1)),
    "synthetic.sparse": (_sparse, 64, 4, hashing.Stream.DATA.of(2)),
}
"""Each set: how its images are drawn, inputs, classes, and the stream of its numbers."""
ALIASES = {"synthetic": "synthetic.blobs"}


def _at_hand(name: str) -> Entry:
    return Entry(name, "computed", DEFAULT_TRAIN, DEFAULT_TEST)


KNOWN = tuple(Known(name, partial(_at_hand, name), make=partial(made, name)) for name in (*ALIASES, *KINDS))
