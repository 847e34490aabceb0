"""Sizes of a network, worked out from its tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from channelsim.plan import sizes
from channelsim.scenario import Scenario
from tests.networks import chain, conv, tables_of

DENSE = {"kind": "dense", "units": 3, "transfer": "softmax"}


def described(image: tuple[int, ...], layers: list[dict[str, Any]], **keys: Any) -> Scenario:
    return chain(image, [*layers, DENSE], **keys)


shapes = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))


@given(shapes, st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5))
def test_operations_of_a_convolution_leave_padding_out(
    image: tuple[int, int, int], maps: int, kernel: int, stride: int, padding: int
) -> None:
    """One for each product of a weight and a pixel that is there, tap by tap."""
    channels, height, width = image
    assume(kernel <= min(height, width) + 2 * padding)
    layer = tables_of(described(image, [conv(maps, kernel, stride=stride, padding=padding)])).layers[1]
    there = np.pad(np.ones((height, width), int), padding)
    taps = sum(
        int(there[y * stride : y * stride + kernel, x * stride : x * stride + kernel].sum())
        for y in range(layer["out_height"])
        for x in range(layer["out_width"])
    )
    assert sizes.operations(layer) == channels * maps * taps


def test_operations_of_layers_without_synapses() -> None:
    layers = tables_of(described((2, 4, 4), [{"kind": "maxpool", "size": 2}, {"kind": "flatten"}])).layers
    assert [sizes.operations(layer) for layer in layers[1:]] == [0, 0, 8 * 3]


NET = [conv(4, 3), {"kind": "maxpool", "size": 2}, conv(5, 2), {"kind": "flatten"}]


@pytest.mark.parametrize(
    ("rule", "wires", "error", "update"),
    [
        ("bp", [0, 0, 0, 0], [135, 0, 9 * 80, 0], [0] * 4),
        ("rbp", [135, 0, 80, 0], [135, 0, 9 * 80, 0], [0] * 4),
        ("arbp", [135, 0, 80, 0], [135, 0, 9 * 80, 0], [135, 0, 9 * 80, 0]),
        ("asrbp", [3 * 45, 3 * 256], [3 * 45, 3 * 256], [3 * 45, 3 * 256]),
        ("sign", [135, 0, 80, 0], [135, 0, 9 * 80, 0], [0] * 4),
    ],
)
def test_wires_and_operations_of_learning_channels(
    rule: str, wires: list[int], error: list[int], update: list[int]
) -> None:
    """To the flattened map, through it to the upper map, through that one's kernels and down the pool."""
    found = tables_of(described((1, 10, 10), NET, learning={"rule": rule}))
    learning = found.edges[5:]
    assert [sizes.wires(edge, found.layers, None) for edge in learning] == wires
    assert [sizes.error_operations(edge, found.layers, None) for edge in learning] == error
    assert [sizes.feedback_operations(edge, found.layers, None) for edge in learning] == update
