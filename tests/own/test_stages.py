"""Stages of the user's own: compiled for the engine, as they stand in the reference, and the same bits in both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from channelsim import engine, hashing, normals, parts, side_by_side
from channelsim.engine.channel import own_stages
from channelsim.engine.compile import own
from channelsim.errors import InputError, RunError
from channelsim.hashing import Stream
from channelsim.plan import OwnStage
from channelsim.reference.own import Own
from tests.laws import cases
from tests.networks import conv, dense_layers, plan_of_chain
from tests.own.files import use
from tests.own.small import called, part_of, samples

STAGES = {
    "value": use("saturate", gain=0.8, limit=1.0),
    "value without p": use("squash"),
    "value, two draws": use("jittered", sigma=0.1),
    "message": use("top_k", k=3),
    "message with a state": use("drift", keep=0.9, sigma=0.05),
    "message, two draws": use("shuffled"),
}


@pytest.mark.parametrize("name", STAGES)
def test_compiled_and_as_it_stands_have_the_same_bits(name: str) -> None:
    part = part_of(STAGES[name])
    note, n = parts.stage_of(part), 37
    rng = np.random.default_rng(0)
    stage = OwnStage(0, own_stages.PLACES.index(note.place), part, 1 << 40, 0, note.state * n)
    apart, state = Own((stage,), np.zeros(note.state * n)), np.zeros(note.state * n)
    for frame in range(3):
        values = rng.normal(size=n).astype(np.float32)
        values[rng.random(n) < (0.3, 0.0, 0.6)[frame]] = 0  # all active has a loop of its own
        expected = apart.apply(stage.place, 5, 0, frame, [2], torch.from_numpy(values[None].copy()))[0].numpy()
        key = hashing.key(5, Stream.OWN.of(0), frame, 2)
        drawn = normals.normal32(hashing.bits(key, stage.first_draw + np.arange(own_stages.normals(part) * n)))
        beside = state if note.over == "message" else np.zeros(note.draws)
        word = np.uint64(key).view(np.int64)
        assert called(own_stages.address_of(part), values, n, word, stage.first_draw, drawn, beside) == own.WELL
        assert np.array_equal(values, expected)
        assert apart.state is not None and np.array_equal(state, apart.state)
    assert not note.state or state.any()


BATCHES: dict[str, dict[str, Any]] = {
    "online": {"training": {"batch": 1}},
    "batch": {"training": {"batch": 4, "momentum": 0.5}},
    "pipelined": {
        "training": {"batch": 2},
        "schedule": {"mode": "pipelined", "interval": "1 us", "stash": 3},
    },
}
CHANNELS: dict[str, dict[str, Any]] = {
    "on both": {
        "forward": {"stage": [STAGES["message with a state"], STAGES["value without p"]]},
        "learning": {"stage": [STAGES["message"], STAGES["value"]], "residual": "error_feedback"},
    },
    "beside every stage": {
        "forward": {
            "stage": [STAGES["message, two draws"], STAGES["value, two draws"]],
            "drop": {"probability": 0.2, "rescale": True},
            "noise": {"sigma": 0.05, "scale": "rms"},
        },
        "learning": {
            "stage": [STAGES["value"], STAGES["message, two draws"]],
            "threshold": {"value": 0.01},
            "quantize": {"kind": "uniform", "bits": 6},
            "bit_errors": {"probability": 0.01},
            "latency": "2 us",
            "bandwidth": "1 Gbit/s",
            "deadline": "3 us",
        },
    },
}


def network(batch: str, channels: str, maps: bool = False) -> tuple[Any, Any]:
    shape, layers = (9,), dense_layers([9, 7, 6, 3])
    if maps:
        shape, layers = (1, 6, 6), [conv(2, 3), {"kind": "maxpool", "size": 2}, *dense_layers([0, 3], ["softmax"])]
    tables = {"learning": {"rule": "rbp"}, "channels": CHANNELS[channels], **BATCHES[batch]}
    return plan_of_chain(shape, layers, 3, 20, **tables), samples(shape)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("batch", BATCHES)
def test_engine_and_reference_agree(batch: str, channels: str) -> None:
    result = side_by_side.compare(*network(batch, channels), 15)
    assert result.passed, result
    assert max(result.max_weight_difference) < 1e-5


def test_over_maps() -> None:
    assert side_by_side.compare(*network("batch", "on both", maps=True), 5).passed


def test_another_function_is_found_out() -> None:
    plan, data = network("batch", "on both")
    other = [STAGES["message"], use("saturate", gain=0.8, limit=1.01)]
    tables = {
        "channels": {**CHANNELS["on both"], "learning": {"stage": other, "residual": "error_feedback"}},
        "learning": {"rule": "rbp"},
        **BATCHES["batch"],
    }
    wrong = plan_of_chain((9,), dense_layers([9, 7, 6, 3]), 3, 20, **tables)
    assert not side_by_side.compare(plan, data, 5, reference_plan=wrong).passed


@pytest.mark.parametrize("batch", BATCHES)
def test_chunks_and_checkpoints_make_no_difference(batch: str) -> None:
    plan, data = network(batch, "on both")
    assert cases.resumed(plan, data, 3).same(cases.run(plan, data))


@pytest.mark.parametrize("batch", BATCHES)
def test_a_checkpoint_has_the_state(batch: str) -> None:
    plan, data = network(batch, "on both")
    state = engine.start(plan, data)
    for frame in (0, 3, plan.frames):
        engine.advance(plan, state, frame)
        assert engine.snapshot(state)["own_state"].any() == (frame > 0)


def test_an_evaluation_leaves_the_state_as_it_is() -> None:
    plan, data = network("batch", "on both")
    state = engine.start(plan, data)
    engine.advance(plan, state, 3)
    before = state.own_state.copy()
    first = engine.evaluate(state, data.train_x, data.train_y)
    assert np.array_equal(state.own_state, before) and before.any()
    assert engine.evaluate(state, data.train_x, data.train_y) == first


@pytest.mark.parametrize(
    ("name", "told"), [("raises", "raised an exception"), ("nan_above", "made a number that is not finite")]
)
def test_what_goes_wrong_in_a_run_is_told_with_file_and_line(name: str, told: str) -> None:
    plan = plan_of_chain((9,), dense_layers([9, 7, 3]), 3, 20, channels={"forward": {"stage": use(name, above=0.9)}})
    state = engine.start(plan, samples())
    with pytest.raises(RunError, match=rf"functions\.py:\d+: {name} {told}.*, on channel forward\.1"):
        engine.advance(plan, state, plan.frames)


def test_a_run_that_diverges_is_not_blamed_on_a_state() -> None:
    """The error of one sample is no longer finite, and so neither is the state that the next sample finds."""
    data = samples()
    data.train_x[1] = 1e10
    keys: dict[str, Any] = {
        "channels": {"learning.1": {"stage": use("lag", mix=0.3)}},
        "learning": {"rule": "rbp", "feedback": {"scale": 1e30}},
        "training": {"batch": 4, "shuffle": False},
    }
    plan = plan_of_chain((9,), dense_layers([9, 7, 5, 3], ["linear"] * 3), 3, 20, **keys)
    with pytest.raises(engine.Diverged):
        engine.advance(plan, engine.start(plan, data), plan.frames)


def test_a_stage_that_spoils_its_own_state_is_told() -> None:
    stage = use("forgets_itself")
    plan = plan_of_chain((9,), dense_layers([9, 7, 3]), 3, 20, channels={"forward": {"stage": stage}})
    with pytest.raises(RunError, match="forgets_itself made a number that is not finite"):
        engine.advance(plan, engine.start(plan, samples()), plan.frames)


def test_what_is_refused_before_a_run() -> None:
    def of(**keys: Any) -> Any:
        return plan_of_chain((9,), dense_layers([9, 7, 3]), 3, 20, channels={"forward": keys})

    with pytest.raises(InputError, match="'gain'"):
        of(stage=use("saturate", limit=1.0))
    with pytest.raises(InputError, match="takes no p"):
        of(stage=use("squash", gain=1.0))
    with pytest.raises(InputError, match='residual = "threshold"'):
        of(stage=use("top_k", k=2), threshold={"value": 0.1}, residual="threshold")
    with pytest.raises(InputError, match=r"residual = 'error_feedback': its stages are on the way"):
        of(stage=use("squash"), residual="error_feedback")
    with pytest.raises(InputError, match="keeps a state"):
        of(stage=STAGES["message with a state"], bandwidth="1 Mbit/s", queue=3)
    with pytest.raises(InputError, match=r"no part 'none'.*saturate"):
        of(stage=use("none"))
