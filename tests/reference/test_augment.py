"""Mirrored and moved training images: the draws are the hash's, and a pixel is where they put it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from channelsim import hashing, reference
from channelsim.hashing import Stream
from channelsim.reference import simulate
from channelsim.reference.augment import augment
from channelsim.reference.evaluate import predict
from tests.reference.small import State, start_chain

SHAPE = (2, 3, 5)
TOP = [{"kind": "dense", "units": 3, "transfer": "softmax"}]


def begin(**data: object) -> State:
    return start_chain(SHAPE, TOP, 3, 7, data={"name": "synthetic", **data}, training={"batch": 4, "epochs": 9})


@pytest.mark.parametrize("shift", [0, 1, 2, 6])
@pytest.mark.parametrize("flip", [False, True])
def test_each_pixel_is_where_the_draws_put_it(flip: bool, shift: int) -> None:
    ref = begin(flip=flip, shift=shift)
    seen = set()
    for frame in range(ref.plan.frames):
        images = ref.images[ref.samples(frame)]
        found = augment(ref.plan, frame, images).reshape(-1, *SHAPE).numpy()
        for b, image in enumerate(images.reshape(-1, *SHAPE).numpy()):
            key = hashing.key(ref.plan.seed, Stream.AUGMENT.of(), frame, b)
            draws = hashing.uniform(hashing.bits(key, np.arange(3)))
            mirrored = flip and draws[0] < 0.5
            dy, dx = (math.floor(u * (2 * shift + 1)) - shift for u in draws[1:])
            seen.add((bool(mirrored), dy, dx))
            expected = np.zeros(SHAPE, np.float32)
            for c, y, x in np.ndindex(SHAPE):
                from_y, from_x = y - dy, x - dx
                if 0 <= from_y < SHAPE[1] and 0 <= from_x < SHAPE[2]:
                    expected[c, y, x] = image[c, from_y, SHAPE[2] - 1 - from_x if mirrored else from_x]
            assert np.array_equal(found[b], expected)
    assert {mirrored for mirrored, _, _ in seen} == ({False, True} if flip else {False})
    assert {dy for _, dy, _ in seen} <= set(range(-shift, shift + 1))
    assert shift == 0 or len({(dy, dx) for _, dy, dx in seen}) > 3


def test_frames_enter_augmented_and_evaluation_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = begin(flip=True, shift=1)
    entered = []
    speak = simulate.send_forward

    def look(ref: State, source: int, frame: int, o: torch.Tensor) -> None:
        entered.append(o)
        speak(ref, source, frame, o)

    monkeypatch.setattr(simulate, "send_forward", look)
    for frame in (0, 1):
        reference.step(ref)
        assert torch.equal(entered[frame], augment(ref.plan, frame, ref.images[ref.samples(frame)]))
    w, b = ref.synapses(1)
    assert torch.allclose(predict(ref, ref.images), torch.softmax(ref.images @ w + b, 1), atol=1e-6)
