"""Sizes of a network, worked out from its tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import channelsim as cs
from channelsim.plan import Tables, sizes, tables
from channelsim.scenario import Scenario

DENSE = {"kind": "dense", "units": 3, "transfer": "softmax"}


def described(image: tuple[int, ...], layers: list[dict[str, Any]], **keys: Any) -> Scenario:
    model = {"name": "m", "input": list(image), "layers": [*layers, DENSE]}
    return Scenario(name="s", model=model, data={"name": "synthetic"}, **keys)


def of(scenario: Scenario) -> Tables:
    return tables(scenario, scenario.model.input, 3)


def conv(channels: int, kernel: int, **keys: Any) -> dict[str, Any]:
    return {"kind": "conv2d", "channels": channels, "kernel": kernel, "transfer": "relu", **keys}


shapes = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))


@given(shapes, st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5))
def test_operations_of_a_convolution_leave_padding_out(
    image: tuple[int, int, int], maps: int, kernel: int, stride: int, padding: int
) -> None:
    """One for each product of a weight and a pixel that is there, tap by tap."""
    channels, height, width = image
    assume(kernel <= min(height, width) + 2 * padding)
    layer = of(described(image, [conv(maps, kernel, stride=stride, padding=padding)])).layers[1]
    there = np.pad(np.ones((height, width), int), padding)
    taps = sum(
        int(there[y * stride : y * stride + kernel, x * stride : x * stride + kernel].sum())
        for y in range(layer["out_height"])
        for x in range(layer["out_width"])
    )
    assert sizes.operations(layer) == channels * maps * taps


def test_operations_of_layers_without_synapses() -> None:
    layers = of(described((2, 4, 4), [{"kind": "maxpool", "size": 2}, {"kind": "flatten"}])).layers
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
    found = of(described((1, 10, 10), NET, learning={"rule": rule}))
    learning = found.edges[5:]
    assert [sizes.wires(edge, found.layers, None) for edge in learning] == wires
    assert [sizes.error_operations(edge, found.layers, None) for edge in learning] == error
    assert [sizes.feedback_operations(edge, found.layers, None) for edge in learning] == update


def test_patches_are_of_one_image_a_part_in_the_largest_convolution() -> None:
    layers = of(described((1, 10, 10), NET)).layers
    matrix, planes, channel = 9 * (64 + 16), 3 * (10 * 8), 10 * 10  # rows of whole cache lines and one more
    one = -(-(matrix + planes + channel) // 16) * 16
    assert sizes.patch_values(layers[1]) == one
    assert sizes.patch_bytes(layers, 1) == 4 * one * (500 // 32)  # of an evaluation
    assert sizes.patch_bytes(layers, 10**6) == 4 * one * 16
    assert sizes.patch_bytes(layers[2:3], 100) == 0


def test_an_evaluation_of_large_maps_takes_fewer_samples_at_a_time() -> None:
    layers = of(described((1, 300, 300), [conv(1, 1)])).layers
    assert sizes.evaluated_at_once(layers) == 4_000_000 // 90_000


# --- refusal ------------------------------------------------------------------------------------------

LARGE = [conv(64, 3, padding=1), {"kind": "maxpool", "size": 2}, conv(64, 3, padding=1), {"kind": "maxpool", "size": 8}]


def refused(monkeypatch: pytest.MonkeyPatch, **learning: Any) -> str:
    monkeypatch.setattr(sizes, "machine_bytes", lambda: 16 * sizes.GIB)
    scenario = described((3, 64, 64), LARGE, learning=learning)
    found = of(scenario)
    with pytest.raises(cs.InputError) as error:
        sizes.refuse_excess(scenario, found.layers, found.edges)
    return str(error.value)


def test_a_matrix_between_maps_that_does_not_fit_is_refused_with_the_figure_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    route = ["from 3", "layered", "layered", "layered"]
    told = refused(monkeypatch, rule="rbp", route=route)
    wires = 64 * 32 * 32 * 64 * 64 * 64
    assert f"(C of learning.1 has {wires:,} wires, from 65,536 units to 262,144: 704.0 GiB)" in told
    assert "but this machine has 16.0 GiB" in told
    assert "accepted: learning.feedback.connections = k (so many wires for each unit that receives)" in told
    assert 'a "layered" learning.route' in told and told.endswith("or fewer units")


def test_both_remedies_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "machine_bytes", lambda: 16 * sizes.GIB)
    route = ["from 3", "layered", "layered", "layered"]
    for learning in ({"rule": "rbp"}, {"rule": "rbp", "route": route, "feedback": {"connections": 8}}):
        scenario = described((3, 64, 64), LARGE, learning=learning)
        found = of(scenario)
        sizes.refuse_excess(scenario, found.layers, found.edges)


def test_connections_that_are_too_many_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    route = ["from 3", "layered", "layered", "layered"]
    told = refused(monkeypatch, rule="rbp", route=route, feedback={"connections": 4096})
    assert "learning.feedback.connections = less than 4096" in told


def test_too_many_synapses_are_no_matter_of_feedback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "machine_bytes", lambda: 1000)
    scenario = described((1, 10, 10), NET)
    found = of(scenario)
    with pytest.raises(cs.InputError, match=r"layers: W and C would take .* has 0\.0 GiB; accepted: fewer units$"):
        sizes.refuse_excess(scenario, found.layers, found.edges)
