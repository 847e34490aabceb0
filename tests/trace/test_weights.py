"""W, b and C of every kind of wiring, in the shapes that a reader wants."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from channelsim import trace
from channelsim.trace import Trace, _bulk
from tests import traces
from tests.networks import dense_layers, plan_of_chain


@pytest.mark.parametrize(
    ("rule", "learning", "shape"),
    [
        ("bp", {}, None),
        ("rbp", {}, (4, 5)),
        ("srbp", {}, (3, 5)),
        ("sign", {}, (5, 4)),  # laid out as W_2
        ("top", {}, None),
    ],
)
def test_weights_by_rule(tmp_path: Path, rule: str, learning: dict, shape: tuple[int, int] | None) -> None:
    plan = traces.small_plan(rule=rule, **learning)
    with Trace(traces.make(tmp_path / "a.h5", epochs=1, plan=plan)) as opened:
        kept = opened.weights(1)
        W, b, C = traces.buffers(plan, 1)
        np.testing.assert_array_equal(np.concatenate([kept[f"W_{h}"].ravel() for h in (1, 2, 3)]), W)
        np.testing.assert_array_equal(np.concatenate([kept[f"b_{h}"] for h in (1, 2, 3)]), b)
        assert kept["W_1"].shape == (6, 5)
        if shape is None:
            assert "C_1" not in kept
        else:
            assert kept["C_1"].shape == shape
            np.testing.assert_array_equal(np.concatenate([kept["C_2"].ravel(), kept["C_1"].ravel()]), C)


CONV = {"kind": "conv2d", "kernel": 2, "transfer": "tanh"}
MAPS = [{**CONV, "channels": 4}, {"kind": "maxpool", "size": 2}, {**CONV, "channels": 5}, *dense_layers([0, 3])]


@pytest.mark.parametrize(
    ("rule", "shapes"),
    [
        ("bp", {}),
        ("rbp", {"C_2": (4, 2, 2, 5), "C_3": (3, 20)}),
        ("sign", {"C_2": (4, 2, 2, 5), "C_3": (20, 3)}),
        ("asrbp", {"C_1": (3, 144), "C_3": (3, 20)}),
    ],
)
def test_weights_of_a_convolution(tmp_path: Path, rule: str, shapes: dict[str, tuple[int, ...]]) -> None:
    """W and a bank of kernels have the axes of a map; a matrix has those of units, as many as the map has."""
    plan = plan_of_chain((2, 7, 7), MAPS, 3, 20, learning={"rule": rule})
    with Trace(traces.make(tmp_path / "a.h5", epochs=1, plan=plan)) as opened:
        kept = opened.weights()
        assert {name: at.shape for name, at in kept.items() if name[0] == "C"} == shapes
    assert kept["W_1"].shape == (2, 2, 2, 4) and kept["b_1"].shape == (4,)
    assert kept["W_3"].shape == (4, 2, 2, 5) and kept["W_4"].shape == (20, 3)
    with h5py.File(tmp_path / "a.h5") as file:
        kernels = file["weights/W_3"]
        names = [kernels.dims[axis][0].name.split("/")[-1] for axis in range(5)]
    assert names == ["epoch", "channel_3", "row_3", "column_3", "map_3"]
    W, _, _ = traces.buffers(plan, 1)
    np.testing.assert_array_equal(np.concatenate([kept[f"W_{h}"].ravel() for h in (1, 3, 4)]), W)


@pytest.fixture(params=[64 << 20, 0], ids=["one file", "with segments"])
def inline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", request.param)
    return request.param


def test_sparse_wires(tmp_path: Path, inline: int) -> None:
    plan = traces.small_plan(feedback={"connections": 1})
    with Trace(traces.make(tmp_path / "a.h5", epochs=1, plan=plan, status=None)) as opened:
        kept = opened.weights(1)
    assert _bulk.directory(tmp_path / "a.h5").exists() == (inline == 0)
    for name, target in (("C_2", 2), ("C_1", 1)):
        channel = plan.channels[plan.channel_names.index(f"learning.{target}")]
        assert kept[name].shape == (channel["c_size"],)
        for wire in range(channel["c_size"]):
            sender = kept[f"{name}_sender"][wire]
            start, end = plan.c_start[channel["start_offset"] + sender :][:2]
            assert start <= wire < end
            assert kept[f"{name}_receiver"][wire] == plan.c_index[channel["c_offset"] + wire]


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("finished", [False, True])
def test_a_weight_of_one_epoch_written_twice_is_the_last(tmp_path: Path, finished: bool) -> None:
    plan = traces.small_plan()
    with trace.create(tmp_path / "a.h5", "", {}, plan, {}) as writer:
        for epoch, shift in ((0, 1), (1, 5), (0, 2)):
            writer.weights(epoch, *traces.buffers(plan, shift))
            writer.checkpoint({})
        if finished:
            writer.finish("done", {})
    with Trace(tmp_path / "a.h5") as opened:
        assert opened.epochs == [0, 1]
        np.testing.assert_array_equal(opened.weights(0)["b_1"], np.full(5, 2, np.float32))
        np.testing.assert_array_equal(opened.weights(1)["b_1"], np.full(5, 5, np.float32))


def test_what_is_inline_moves_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = traces.small_plan()
    path = tmp_path / "a.h5"
    with trace.create(path, "", {}, plan, {}) as writer:
        for epoch in (1, 2, 3):
            writer.weights(epoch, *traces.buffers(plan, epoch))
            writer.checkpoint({})
            monkeypatch.setattr(_bulk, "INLINE_BYTES", 0)
        assert len(list(_bulk.directory(path).iterdir())) == 2
        for finish in (False, True):
            if finish:
                writer.finish("done", {})
                assert not _bulk.directory(path).exists()
            with Trace(path) as opened:
                for epoch in (1, 2, 3):
                    W, _, C = traces.buffers(plan, epoch)
                    kept = opened.weights(epoch)
                    np.testing.assert_array_equal(np.concatenate([kept[f"W_{h}"].ravel() for h in (1, 2, 3)]), W)
                    np.testing.assert_array_equal(np.concatenate([kept["C_2"].ravel(), kept["C_1"].ravel()]), C)
