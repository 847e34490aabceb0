"""The layer and channel tables of networks that are not only dense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim.errors import InputError
from channelsim.plan import Kind, Tables, Transfer, Wiring, build, tables
from channelsim.scenario import Scenario

CONV = {"kind": "conv2d", "channels": 4, "kernel": 3, "stride": 2, "padding": 1, "transfer": "tanh"}
LAYERS = [
    CONV,
    {"kind": "maxpool", "size": 2},
    {"kind": "conv2d", "channels": 5, "kernel": 2, "transfer": "relu"},
    {"kind": "flatten"},
    {"kind": "dense", "units": 7, "transfer": "tanh"},
    {"kind": "dense", "units": 3, "transfer": "softmax"},
]
IMAGE = (2, 9, 8)


def described(layers: list[dict[str, Any]] = LAYERS, **keys: Any) -> Scenario:
    model = {"name": "m", "input": list(IMAGE), "layers": layers}
    return Scenario(name="s", model=model, data={"name": "synthetic", **keys.pop("data", {})}, **keys)


def found(layers: list[dict[str, Any]] = LAYERS, **keys: Any) -> Tables:
    return tables(described(layers, **keys), IMAGE, 3)


def test_layers_say_what_their_windows_are_and_how_many_synapses_they_have() -> None:
    table = found().layers
    assert [Kind(kind).name.lower() for kind in table["kind"]] == ["input", *(str(at["kind"]) for at in LAYERS)]
    shapes = [[int(row[f"out_{side}"]) for side in ("channels", "height", "width")] for row in table]
    assert shapes == [[2, 9, 8], [4, 5, 4], [4, 2, 2], [5, 1, 1], [5, 1, 1], [7, 1, 1], [3, 1, 1]]
    below = [[int(row[f"in_{side}"]) for side in ("channels", "height", "width")] for row in table[1:]]
    assert below == shapes[:-1]
    assert [tuple(int(x) for x in row) for row in table[["kernel", "stride", "padding"]]] == [
        (0, 0, 0), (3, 2, 1), (2, 2, 0), (2, 1, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)
    ]  # fmt: skip
    assert table["n"].tolist() == [144, 80, 16, 5, 5, 7, 3]
    assert table["fan_in"][1:].tolist() == table["n"][:-1].tolist()
    assert table["w_size"].tolist() == [0, 2 * 9 * 4, 0, 4 * 4 * 5, 0, 5 * 7, 7 * 3]
    assert table["b_size"].tolist() == [0, 4, 0, 5, 0, 7, 3]
    assert table["w_offset"][1:].tolist() == [0, 72, 72, 152, 152, 187]
    assert [Transfer(f).name for f in table["transfer"][2:5]] == ["LINEAR", "RELU", "LINEAR"]


@pytest.mark.parametrize(
    ("rule", "wirings", "adaptive"),
    [
        ("bp", "TRANSPOSE TRANSPOSE TRANSPOSE TRANSPOSE TRANSPOSE", "00000"),
        ("rbp", "DENSE DENSE TRANSPOSE BANK TRANSPOSE", "00000"),
        ("arbp", "DENSE DENSE TRANSPOSE BANK TRANSPOSE", "11010"),
        ("sign", "SIGN SIGN TRANSPOSE SIGN TRANSPOSE", "00000"),
        ("srbp", "DENSE DENSE DENSE", "000"),
        ("asrbp", "DENSE DENSE DENSE", "111"),
    ],
)
def test_wirings(rule: str, wirings: str, adaptive: str) -> None:
    channels = found(learning={"rule": rule}).channels[len(LAYERS) :]
    assert " ".join(Wiring(kind).name for kind in channels["wiring"]) == wirings
    assert "".join(str(int(on)) for on in channels["adaptive"]) == adaptive


def test_connections_are_for_matrices_only() -> None:
    def kinds(rule: str) -> list[str]:
        learning = {"rule": rule, "feedback": {"connections": 2}}
        return [Wiring(kind).name for kind in found(learning=learning).channels["wiring"][len(LAYERS) :]]

    assert kinds("rbp") == ["SPARSE", "SPARSE", "TRANSPOSE", "BANK", "TRANSPOSE"]
    assert kinds("sign") == ["SPARSE_SIGN", "SPARSE_SIGN", "TRANSPOSE", "SIGN", "TRANSPOSE"]
    assert kinds("srbp") == ["SPARSE", "SPARSE", "SPARSE"]


def test_an_error_that_comes_from_far_above_a_pool_has_a_matrix_of_its_own() -> None:
    route = ["from 4", "layered", "layered", "layered", "layered"]
    channels = found(learning={"rule": "rbp", "route": route}).channels[len(LAYERS) :]
    assert [(int(row["source"]), int(row["target"]), Wiring(row["wiring"]).name) for row in channels] == [
        (6, 5, "DENSE"), (5, 4, "DENSE"), (4, 3, "TRANSPOSE"), (4, 1, "DENSE")
    ]  # fmt: skip


@pytest.mark.parametrize(("rule", "where"), [("rbp", 3), ("sign", 3)])
def test_a_bank_has_the_shape_of_the_kernels_that_it_stands_for(rule: str, where: int) -> None:
    plan = build(described(learning={"rule": rule}), IMAGE, 3, 10)
    channel = plan.channels[plan.channel_names.index("learning.2")]
    assert channel["c_size"] == plan.layers[where]["w_size"]
    bank = plan.feedback[channel["c_offset"] :][: channel["c_size"]]
    assert (bank >= 0).all() == (rule == "sign")


def test_random_kernels_are_scaled_by_the_units_that_they_join() -> None:
    """Glorot's fan-in and fan-out of a convolution: channels times the area of a kernel."""
    layers = [{**CONV, "channels": 64, "kernel": 5, "padding": 2}, *LAYERS[1:]]
    for scale, expected in (("glorot", 2 / (2 * 25 + 64 * 25)), ("he", 2 / (2 * 25)), (0.5, 0.25)):
        model = {"name": "m", "input": list(IMAGE), "layers": layers, "weights": {"scale": scale}}
        plan = build(described().with_(model=model), IMAGE, 3, 10)
        kernels = plan.weights[: plan.layers[1]["w_size"]].astype(np.float64)
        assert np.mean(kernels**2) == pytest.approx(expected, rel=0.1)


def test_images_are_of_the_shape_that_the_model_takes() -> None:
    told = r"model: input: the model takes images of \[2, 9, 8\] .*'synthetic' has \[2, 8, 9\]; accepted: input = "
    with pytest.raises(InputError, match=told):
        tables(described(), (2, 8, 9), 3)
    assert len(tables(described(), (144,), 3).layers) == 7


def test_a_map_on_top_has_as_many_units_as_there_are_classes() -> None:
    top = {"kind": "conv2d", "channels": 3, "kernel": 2, "transfer": "softmax"}
    assert found([*LAYERS[:2], top]).layers[-1]["n"] == 3
    with pytest.raises(InputError, match=r"the top layer has 12 units \(3 x 2 x 2\), but .* has 3 classes"):
        found([*LAYERS[:2], {**top, "kernel": 1}])


def test_the_plan_says_how_images_are_varied() -> None:
    plan = build(described(data={"flip": True, "shift": 4}), IMAGE, 3, 10)
    assert (plan.flip, plan.shift) == (True, 4)
    plan = build(described(), IMAGE, 3, 10)
    assert (plan.flip, plan.shift) == (False, 0)
