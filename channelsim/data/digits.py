"""The handwritten digits that ship with the package: 1,797 images of 8 x 8 pixels with 17 grey levels.

They are the test set of Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998), as scikit-learn
has it (files/digits.LICENSE).
"""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.data.known import Entry, Known
from channelsim.data.raw import Raw

NAME = "digits"
TRAIN = 1437
TEST = 360
CLASSES = 10
WHITE = 16


def load() -> Raw:
    """The digits, 1437 to train and 360 to test, as uint8 (samples, 64): grey levels of 0..16.

    They are split by a fixed permutation: the file is ordered by writer, so its tail would be a test of other
    hands and not of other images.
    """
    table = _table()
    order = hashing.permutation(hashing.key(0, hashing.Stream.DATA.of()), len(table))
    images, labels = table[order, :-1], table[order, -1]
    return Raw(images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:], (64,), CLASSES, divisor=WHITE)


def _table() -> NDArray[np.uint8]:
    """64 grey levels and the class of each image, shape (1797, 65)."""
    with as_file(files("channelsim.data") / "files" / "digits.csv.gz") as file:
        return np.loadtxt(file, delimiter=",", dtype=np.uint8)


KNOWN = (Known(NAME, lambda: Entry(NAME, "channelsim", TRAIN, TEST), read=load),)
