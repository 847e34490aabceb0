"""Loss and accuracy on samples that are not learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim.plan import Direction
from channelsim.reference import channels, stages
from channelsim.reference.rules import sums
from channelsim.reference.state import State, targets_of
from channelsim.reference.transfer import activity, loss, own_loss

EVALUATION_FRAME = 2**40
"""The frame index of all draws of an evaluation; the sample index is the place in the set."""

CHUNK = 1000


def evaluate(ref: State, x: NDArray[np.float32], y: NDArray[Any]) -> tuple[float, float]:
    """Mean loss and accuracy (0..1) on images x (N, ...) with class numbers y (N,), or real targets y (N, n_L), for
    which there is no accuracy (NaN).

    The forward channels do to the activity what they do in training: threshold (nothing is kept back),
    quantizer, noise, bit errors, drop. The clock does nothing here.
    """
    images = torch.from_numpy(np.ascontiguousarray(x, np.float32).reshape(len(x), -1))
    targets = targets_of(y, ref.layers[-1].n)
    losses = hits = 0.0
    for first in range(0, len(images), CHUNK):
        o, known = _passed(ref, images[first : first + CHUNK], first)
        wanted = targets[first : first + CHUNK]
        if ref.plan.own_loss is None:
            losses += float(loss(ref.layers[-1].transfer, o, wanted).double().sum())
        else:
            losses += float(own_loss(ref.plan.own_loss, known, wanted)[0].sum())
        hits += int((o.argmax(1) == wanted.argmax(1)).sum())
    return losses / len(images), math.nan if y.ndim == 2 else hits / len(images)


def predict(ref: State, images: torch.Tensor, first: int = 0) -> torch.Tensor:
    """The top layer's activity, (N, n_L), for images (N, n_0): samples first, first + 1, ... of a set."""
    return _passed(ref, images, first)[0]


def _passed(ref: State, images: torch.Tensor, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same, and what the top layer keeps: S, or O once more."""
    samples, seed = range(first, first + len(images)), ref.plan.seed
    o = known = images
    for c, channel in enumerate(ref.channels):
        if channel.direction == Direction.FORWARD:
            own = ref.own(c, kept=False)
            encoded = stages.encode(channel, c, seed, EVALUATION_FRAME, samples, o, own=own)
            received = stages.transmit(channel, c, seed, EVALUATION_FRAME, samples, encoded, own)
            values = channels.arrived(c, seed, EVALUATION_FRAME, samples, encoded, received, own)
            layer = ref.layers[channel.target]
            s = sums(ref, channel.target, values, received.unit)
            o = activity(layer, s)
            known = s if layer.keeps_sums else o
    return o, known
