"""What `check` says would be simulated is what a run then counts, and too large a network is refused early."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import engine, memory, units
from channelsim.data import load_dataset
from channelsim.engine.sizes import evaluated_at_once
from channelsim.plan import Plan, build
from tests.networks import chain, scenario

UNITS = [6, 5, 4, 3]
SAMPLES, BATCH = 8, 4


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Eight samples in which no input is zero, so that everybody speaks."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.1, 1.0, (SAMPLES, UNITS[0])).astype(np.float32), np.arange(SAMPLES, dtype=np.int32) % 3
    np.savez(tmp_path / "full.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    return str(tmp_path / "full.npz")


def described(data: str, **tables: Any) -> cs.Scenario:
    training = {"batch": BATCH, "epochs": 1, **tables.pop("training", {})}
    return scenario(UNITS, data={"name": data}, training=training, **tables)


def first_frame(wanted: cs.Scenario) -> tuple[Plan, engine.State]:
    dataset = load_dataset(wanted.data)
    plan = build(wanted, dataset.shape, dataset.classes, len(dataset.train_y))
    state = engine.start(plan, dataset)
    engine.advance(plan, state, 1)
    return plan, state


WIRINGS: list[dict[str, Any]] = [
    {"rule": "bp"},
    {"rule": "rbp"},
    {"rule": "srbp"},
    {"rule": "sign"},
    {"rule": "asrbp"},
    {"rule": "drtp"},
    {"rule": "top"},
]
CHANNEL = {"encoding": "aer", "header": 5, "bandwidth": "3 Mbit/s"}


MAPS = [
    {"kind": "conv2d", "channels": 3, "kernel": 3, "padding": 1, "transfer": "logistic"},
    {"kind": "avgpool", "size": 2},
    {"kind": "conv2d", "channels": 2, "kernel": 2, "stride": 2, "padding": 1, "transfer": "tanh"},
    {"kind": "flatten"},
    {"kind": "dense", "units": 4, "transfer": "tanh"},
    {"kind": "dense", "units": 3, "transfer": "softmax"},
]


@pytest.fixture
def images(tmp_path: Path) -> str:
    """Eight images of two channels in which no pixel is zero."""
    x = np.random.default_rng(2).uniform(0.1, 1.0, (SAMPLES, 2, 6, 8)).astype(np.float32)
    y = np.arange(SAMPLES, dtype=np.int32) % 3
    np.savez(tmp_path / "images.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    return str(tmp_path / "images.npz")


def described_maps(images: str, **tables: Any) -> cs.Scenario:
    training = {"batch": BATCH, "epochs": 1, **tables.pop("training", {})}
    return chain((2, 6, 8), MAPS, data={"name": images}, training=training, **tables)


@pytest.mark.parametrize("rule", ["bp", "rbp", "arbp", "sign", "srbp", "asrbp", "drtp", "top"])
def test_counts_of_a_convolutional_network(images: str, rule: str) -> None:
    """Also over maps whose edges the kernels reach beyond. Every unit has an activity and an error."""
    wanted = described_maps(images, learning={"rule": rule})
    check = cs.check(wanted)
    plan, state = first_frame(wanted)
    forward = np.array([channel.name.startswith("forward") for channel in check.channels])
    assert [layer.forward_macs for layer in check.layers] == state.counters["macs"][forward].tolist()
    assert [at.error_macs for at in check.channels if at.name[0] == "l"] == state.counters["macs"][~forward].tolist()
    assert check.operations["update"] == state.counters["update_macs"].sum()
    assert [channel.bits for channel in check.channels] == state.counters["bits"].tolist()
    assert [channel.wires for channel in check.channels] == plan.channels["c_size"].tolist()


@pytest.mark.parametrize("route", ["layered", "skipped", "cascade"])
def test_a_broadcast_is_paid_once(images: str, route: str) -> None:
    """By the channel that pays in a run."""
    wanted = described_maps(
        images,
        learning={"rule": "srbp", "route": route, "feedback": {"copies": 2}},
        channels={"learning": {"link": "air"}, "forward.2": {"link": "air"}},
        links={"air": {"bandwidth": "1 Gbit/s", "broadcast": True}},
    )
    check = cs.check(wanted)
    _, state = first_frame(wanted)
    assert [channel.bits for channel in check.channels] == state.counters["bits"].tolist()
    paid = [channel.link_time_ps > 0 for channel in check.channels]
    assert paid == [
        channel.bits > 0 and channel.name.startswith(("learning", "forward.2")) for channel in check.channels
    ]
    assert not all(paid)


@pytest.mark.parametrize("batch", [1, 4, 300])
def test_patches_take_the_memory_that_is_told(images: str, batch: int) -> None:
    wanted = described_maps(images, training={"batch": batch})
    dataset = load_dataset(wanted.data)
    plan = build(wanted, dataset.shape, dataset.classes, len(dataset.train_y))
    memory = engine.start(plan, dataset).memory
    check = cs.check(wanted)
    assert check.memory["patches"] == memory.patches.nbytes
    assert f"patches {check.memory['patches'] / 2**20:.1f} MiB" in str(check)


@pytest.mark.parametrize("learning", [{"rule": "bp"}, {"rule": "srbp"}], ids=lambda learning: learning["rule"])
def test_memory_of_a_run_is_about_what_is_told(images: str, learning: dict[str, Any]) -> None:
    """All arrays of the engine, with forward channels that change what they carry, so that both ends are kept."""
    layers = [{**MAPS[0], "channels": 40}, *MAPS[1:]]
    wanted = described_maps(images, learning=learning, channels={"forward": {"noise": {"sigma": 0.1}}})
    wanted = wanted.with_({"model.layers": layers, "training.batch": 8})
    dataset = load_dataset(wanted.data)
    state = engine.start(build(wanted, dataset.shape, dataset.classes, len(dataset.train_y)), dataset)
    there = sum(array.nbytes for array in state.memory if isinstance(array, np.ndarray))
    there += 2 * 4 * evaluated_at_once(state.plan.layers) * int(state.plan.layers["n"].max())  # an evaluation's
    told, frames = cs.check(wanted).memory, len(state.memory.slots)
    assert told["frame"] * frames + told["layer"] + told["patches"] == pytest.approx(there, rel=0.2)


def test_layers_are_told_with_their_shapes(images: str) -> None:
    check = cs.check(described_maps(images))
    assert [layer.shape for layer in check.layers] == [(3, 6, 8), (3, 3, 4), (2, 2, 3), (12,), (4,), (3,)]
    assert "3 x 6 x 8" in str(check)
    assert "patches" not in str(cs.check(described_maps(images).with_({"model.layers": MAPS[-1:]})))


@pytest.mark.parametrize("learning", WIRINGS, ids=lambda learning: learning["rule"])
def test_counts_are_those_of_a_frame_in_which_everybody_speaks(data: str, learning: dict[str, Any]) -> None:
    channels = {"forward": CHANNEL} | ({} if learning["rule"] == "top" else {"learning": CHANNEL})
    wanted = described(data, learning=learning, channels=channels)
    check = cs.check(wanted)
    plan, state = first_frame(wanted)
    assert [channel.name for channel in check.channels] == list(plan.channel_names)
    assert check.operations["forward"] + check.operations["error"] == state.counters["macs"].sum()
    assert check.operations["update"] == state.counters["update_macs"].sum()
    for channel, counted in zip(check.channels, state.counters, strict=True):
        assert channel.bits == counted["bits"]
        assert channel.link_time_ps == counted["busy"]


def test_bits_of_an_entropy_code_are_told_as_in_words(data: str) -> None:
    """Its length depends on the values."""
    quantized: dict[str, Any] = {"quantize": {"kind": "log2", "bits": 4}}
    in_words, coded = (
        cs.check(described(data, learning={"rule": "srbp"}, channels={"learning": {**quantized, "encoding": encoding}}))
        for encoding in ("dense", "entropy")
    )
    assert coded.bits == in_words.bits and coded.recorded == in_words.recorded
    assert [channel.encoding for channel in coded.channels] == ["dense"] * 3 + ["entropy"] * 2
    assert "as in words" in repr(coded) and "as in words" not in repr(in_words)


def test_long_times_on_a_link_are_exact(data: str) -> None:
    """Beyond 2^53 ps, and no multiple of what a float of that size can hold."""
    check = cs.check(described(data, channels={"forward.1": {"bandwidth": "3 bit/s", "header": 100_003}}))
    (channel,) = (one for one in check.channels if one.name == "forward.1")
    exact = BATCH * -(-(100_003 + 32 * UNITS[0]) * 10**12 // 3)
    assert channel.link_time_ps == exact > 2**53 and int(float(exact)) != exact
    assert units.format_duration(exact) in str(check)
    told = json.loads(json.dumps(check.to_json()))["channels"][0]
    assert (told["link_time_ps"], told["link_time_s"]) == (exact, exact / 10**12)


def test_sparse_wires_are_the_expected_number(data: str) -> None:
    sparse = cs.check(described(data, learning={"rule": "rbp", "feedback": {"connections": 2}}))
    assert {channel.name: channel.wires for channel in sparse.channels} == {
        "forward.1": 0,
        "forward.2": 0,
        "forward.3": 0,
        "learning.2": 2 * 4,
        "learning.1": 2 * 5,
    }


def test_a_frame_is_never_larger_than_the_data(data: str) -> None:
    check = cs.check(described(data, training={"batch": 100}))
    assert (check.batch, check.frames_per_epoch) == (SAMPLES, 1)


def test_text_and_json_tell_the_same(data: str) -> None:
    deadline = {"latency": "20 us", "deadline": "1 us"}
    check = cs.check(described(data, channels={"learning": deadline}))
    told = json.loads(json.dumps(check.to_json()))
    assert told["operations"] == check.operations
    assert (told["layers"][0]["synapses"], told["layers"][0]["biases"]) == (30, 5)
    assert len(told["advice"]) == 1
    for part in ("learning.1", "softmax", f"forward {check.operations['forward']:,}", f"warning: {told['advice'][0]}"):
        assert part in repr(check)
    assert str(check) == repr(check)


def test_a_network_beyond_the_memory_is_refused_before_it_is_drawn(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_bytes", lambda: 1000)
    with pytest.raises(cs.InputError, match=r"layers: W and C would take .* GiB; accepted: fewer units"):
        cs.check(described(data))


def test_a_model_that_does_not_fit_the_data_is_named(tmp_path: Path, data: str) -> None:
    (tmp_path / "model.toml").write_text(
        'name = "m"\ninput = [7]\n[[layers]]\nkind = "dense"\nunits = 3\ntransfer = "softmax"\n'
    )
    (tmp_path / "s.toml").write_text('name = "s"\nmodel = "model.toml"\n[data]\nname = "full.npz"\n')
    with pytest.raises(cs.InputError, match=r"model\.toml: input: the model takes \[7\] = 7 values"):
        cs.check(cs.load(tmp_path / "s.toml"))


def test_the_range_of_the_data_and_warnings_about_them_are_told(tmp_path: Path) -> None:
    """Grey levels of 0..16, whose test set is sorted by class."""
    x = np.tile(np.array([0, 16, 3, 4, 5, 16], np.uint8), (SAMPLES, 1))
    np.savez(tmp_path / "grey.npz", train_x=x, train_y=np.arange(SAMPLES) % 3, test_x=x, test_y=np.full(SAMPLES, 1))
    wanted = described(str(tmp_path / "grey.npz"))
    check = cs.check(wanted)
    told = json.loads(json.dumps(check.to_json()))
    expected = {"dtype": "uint8", "low": 0, "high": 16, "divisor": 1, "normalized": False}
    assert told["values"] == expected
    assert "data        uint8 0..16, used as they are" in str(check)
    assert len(check.advice) == 2
    assert all(f"warning: {text}" in str(check) for text in check.advice)
    scaled = cs.check(wanted.with_({"data.scale": 16}))
    assert scaled.to_json()["values"] == expected | {"divisor": 16}
    assert len(scaled.advice) == 1 and "test samples are of class 1" in scaled.advice[0]


def test_channels_first_and_last_are_told_apart(tmp_path: Path) -> None:
    x = np.zeros((SAMPLES, 10, 16, 1), np.float32)
    np.savez(tmp_path / "last.npz", train_x=x, train_y=np.arange(SAMPLES) % 3, test_x=x, test_y=np.arange(SAMPLES) % 3)
    wanted = chain((1, 10, 16), MAPS, data={"name": str(tmp_path / "last.npz")})
    with pytest.raises(
        cs.InputError, match=r"has \[10, 16, 1\]; accepted: the data with the channels first, x\.transp"
    ):
        cs.check(wanted)
