"""What the engine allocates, worked out without it."""

from __future__ import annotations

import subprocess
import sys

from channelsim.engine import sizes
from tests.networks import chain, conv, dense_layers, tables_of

NET = [conv(4, 3), {"kind": "maxpool", "size": 2}, conv(5, 2), *dense_layers([1, 3])]


def test_importing_the_sizes_does_not_import_numba() -> None:
    code = "import sys, channelsim.memory; print('numba' in sys.modules, 'llvmlite' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]


def test_patches_are_of_one_image_a_part_in_the_largest_convolution() -> None:
    layers = tables_of(chain((1, 10, 10), NET)).layers
    matrix, planes, channel = 9 * (64 + 16), 3 * (10 * 8), 10 * 10  # rows of whole cache lines and one more
    one = -(-(matrix + planes + channel) // 16) * 16
    assert sizes.patch_values(layers[1]) == one
    assert sizes.patch_bytes(layers, 1) == 4 * one * (500 // 32)  # of an evaluation
    assert sizes.patch_bytes(layers, 10**6) == 4 * one * 16
    assert sizes.patch_bytes(layers[2:3], 100) == 0


def test_an_evaluation_of_large_maps_takes_fewer_samples_at_a_time() -> None:
    layers = tables_of(chain((1, 300, 300), [conv(1, 1), *dense_layers([1, 3])])).layers
    assert sizes.evaluated_at_once(layers) == 4_000_000 // 90_000
