"""Which differences a rounding boundary explains: there the reference follows the engine, elsewhere it does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from channelsim import boundaries, reference
from channelsim.reference import stages
from channelsim.reference.state import records
from tests.networks import dataset, plan_of, plan_of_chain


def encoded(settings: dict[str, Any], values: list[float]) -> tuple[SimpleNamespace, stages.Encoded]:
    channel = records(plan_of([len(values), 2], 1, channels={"forward": settings}).channels)[0]
    return channel, stages.encode_message(channel, torch.tensor([values]), None)


ON_A_BOUNDARY = [
    ({"threshold": {"value": 0.5}}, 0.5 + 2e-7, 0.0),
    ({"threshold": {"value": 0.5}}, 0.5 - 2e-7, 0.5 + 1e-7),
    ({"quantize": {"kind": "log2", "exponents": 3, "scale": 1.0}}, 2**-0.5 + 1e-7, 0.5),
    ({"quantize": {"kind": "log2", "exponents": 3, "scale": 1.0}}, 1e-8, -0.25),
    ({"quantize": {"kind": "log2", "exponents": 3, "scale": 1.0}}, 1e-8, 0.0),
    ({"quantize": {"kind": "log2", "exponents": 3, "scale": 1.0}}, 0.0, 0.25),
    ({"quantize": {"kind": "uniform", "bits": 3, "scale": 3.0}}, 0.5 + 1e-7, 0.0),
    ({"quantize": {"kind": "uniform", "bits": 3, "scale": 3.0}}, 1.5 - 1e-7, 2.0),
    ({"quantize": {"kind": "sign", "scale": 1.0}}, -1e-8, 1.0),
    ({"quantize": {"kind": "ternary", "scale": 1.0}}, 0.5, 0.0),
]


@pytest.mark.parametrize(("settings", "value", "theirs"), ON_A_BOUNDARY, ids=str)
def test_a_flip_is_followed_and_counted(settings: Any, value: float, theirs: float) -> None:
    channel, message = encoded(settings, [0.9, value])
    engine = message.sent.clone()
    engine[0, 1] = theirs
    result = boundaries.reconcile(channel, message, engine)
    assert result.flips.tolist() == [[False, True]]
    assert not result.unexplained.any()
    assert torch.allclose(result.encoded.sent, engine, atol=1e-6)


@pytest.mark.parametrize(("settings", "value", "theirs"), ON_A_BOUNDARY, ids=str)
def test_the_same_difference_off_the_boundary_is_an_error(settings: Any, value: float, theirs: float) -> None:
    channel, message = encoded(settings, [0.9, value + 0.002])
    engine = message.sent.clone()
    engine[0, 1] = theirs if theirs != engine[0, 1] else -theirs
    result = boundaries.reconcile(channel, message, engine)
    assert result.unexplained.tolist() == [[False, True]]


def test_a_flip_of_who_speaks_moves_the_scale_of_all() -> None:
    settings = {"threshold": {"value": 0.5}, "quantize": {"kind": "log2", "exponents": 4, "scale": "rms"}}
    channel, message = encoded(settings, [0.9, 0.5 + 1e-7, 0.7])
    _, quieter = encoded(settings, [0.9, 0.5 - 1e-7, 0.7])
    result = boundaries.reconcile(channel, message, quieter.sent)
    assert result.flips.tolist() == [[False, True, False]]
    assert not result.unexplained.any()
    assert torch.equal(result.encoded.sent, quieter.sent)


@pytest.mark.parametrize(("here", "there"), [(0.0, 1e-9), (1e-9, 0.0)])
def test_a_value_rounded_to_nothing_shows_in_the_scale(here: float, there: float) -> None:
    """A sum that cancels, to 0 or all but: whether it speaks shows in nothing but the rms of those that do."""
    settings = {"quantize": {"kind": "uniform", "bits": 4, "scale": "rms"}}
    channel, message = encoded(settings, [here, -0.43, 0.03, -0.37])
    _, other = encoded(settings, [there, -0.43, 0.03, -0.37])
    assert not torch.equal(message.sent, other.sent)
    result = boundaries.reconcile(channel, message, other.sent)
    assert result.flips.tolist() == [[True, False, False, False]]
    assert not result.unexplained.any()
    assert torch.equal(result.encoded.sent, other.sent)


def test_a_value_that_is_all_rounding_may_be_an_event_or_none() -> None:
    """A saturated softmax leaves errors of its last digits, or none."""
    settings = {"quantize": {"kind": "uniform", "bits": 5}}
    channel, message = encoded(settings, [4.8e-7, -7.2e-7, 0.0])
    result = boundaries.reconcile(channel, message, torch.zeros(1, 3), 1e-4)
    assert result.flips.tolist() == result.doubtful.tolist() == [[True, True, False]]
    assert not boundaries.reconcile(channel, message, torch.zeros(1, 3)).doubtful.any()


def test_where_the_whole_message_has_another_scale_its_words_have_too() -> None:
    """A saturated sample's errors of 1e-13 depend on S by the percent: with `rounding` to match, the scale follows."""
    settings = {"quantize": {"kind": "uniform", "bits": 4}}
    channel, message = encoded(settings, [0.7, 0.3])
    engine = torch.tensor([[1.4, 0.6]])
    result = boundaries.reconcile(channel, message, engine, 1.0)
    assert torch.equal(result.encoded.sent, engine)
    assert result.encoded.scale.tolist() == [[pytest.approx(1.4)]]
    assert boundaries.reconcile(channel, message, engine).encoded.scale.tolist() == [[pytest.approx(0.7)]]


def test_a_scale_that_no_such_value_explains_is_an_error() -> None:
    settings = {"quantize": {"kind": "uniform", "bits": 4, "scale": "rms"}}
    channel, message = encoded(settings, [0.003, -0.43, 0.03, -0.37])
    _, other = encoded(settings, [0.0, -0.43, 0.03, -0.37])
    result = boundaries.reconcile(channel, message, other.sent)
    assert result.unexplained.any()


def test_which_of_two_is_larger_is_a_boundary() -> None:
    """Before maxpool the reference goes on with the engine's values where they are equal but for their last digits."""
    p = plan_of_chain(
        [1, 2, 4],
        [
            {"kind": "conv2d", "channels": 1, "kernel": 1, "transfer": "linear"},
            {"kind": "maxpool", "size": 2},
            {"kind": "dense", "units": 2, "transfer": "softmax"},
        ],
        outputs=2,
        samples=1,
    )
    ref = reference.start(p, dataset(np.zeros((1, 1, 2, 4)), [0], 2))
    maps = torch.tensor([[[0.5, 0.1, 0.7, 0.9], [0.5 - 1e-7, 0.2, 0.3, 0.8]]]).flatten(1)
    engine = maps + torch.tensor([[[-1e-7, 0, 0, 3e-7], [1e-7, 0, 0, 0.01]]]).flatten(1)
    channel = ref.channels[1]
    follower = boundaries.Follower(p.channel_names)
    follower.sent[1, 0, 0] = engine[0].numpy()
    message = follower.message(ref, 1, 0, stages.encode_message(channel, maps, None), [0])
    assert message.sent[0, :7].tolist() == engine[0, :7].tolist()
    assert message.sent[0, 7] == maps[0, 7], "what is not as large is the reference's own"
    assert (follower.flips, follower.values) == (0, 0)
