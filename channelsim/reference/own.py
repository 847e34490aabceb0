"""Stages of the user's own, called as they stand: value after value, or with a whole message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim import hashing, normals, parts
from channelsim.extend import PLACES
from channelsim.hashing import Stream
from channelsim.plan import OwnStage
from channelsim.reference import draws

BEFORE_THRESHOLD, AFTER_QUANTIZE, BEFORE_DELIVERY = range(len(PLACES))


@dataclass(frozen=True)
class Own:
    """The stages of one channel.

    Attributes:
        stages: by place.
        state: all states of the run, float64, flat; None: each is 0 before every message, and is not kept.
    """

    stages: tuple[OwnStage, ...]
    state: NDArray[np.float64] | None

    def apply(
        self, place: int, seed: int, c: int, frame: int, samples: Sequence[int], values: torch.Tensor
    ) -> torch.Tensor:
        """What a place's stages make of the messages of these samples, float32 (B, n), 0 where there is no event."""
        for own in self.stages:
            if own.place == place:
                rows = [
                    self._message(own, seed, c, frame, sample, row) for sample, row in zip(samples, values, strict=True)
                ]
                values = torch.from_numpy(np.stack(rows))
        return values

    def _message(
        self, own: OwnStage, seed: int, c: int, frame: int, sample: int, values: torch.Tensor
    ) -> NDArray[np.float32]:
        note, message = parts.stage_of(own.part), values.double().numpy().copy()
        n = len(message)
        u = drawn(own, seed, c, frame, sample, n)
        if note.over == "value":
            for i in np.flatnonzero(message):
                given: tuple[Any, ...] = () if u is None else (u[i] if note.draws == 1 else u[i].copy(),)
                message[i] = parts.call(own.part, message[i], *given)
            return message.astype(np.float32)
        arguments: list[Any] = [message] if u is None else [message, u if note.draws == 1 else u.T.copy()]
        if note.state:
            first, size = own.state_offset, own.state_size
            kept = np.zeros(size) if self.state is None else self.state[first : first + size]
            arguments.append(kept.reshape(note.state, n))
        parts.call(own.part, *arguments)
        return message.astype(np.float32)


def drawn(own: OwnStage, seed: int, c: int, frame: int, sample: int, n: int) -> NDArray[np.float64] | None:
    """The draws of a message: (n,), of several for each value (n, draws); None without any."""
    note = parts.stage_of(own.part)
    if note.draws == 0:
        return None
    columns = own.first_draw + np.arange(n * note.draws)
    words = draws.words(seed, Stream.OWN, c, frame, [sample], columns)[0]
    found = normals.normal32(words).astype(np.float64) if note.normal else hashing.uniform(words)
    return found if note.draws == 1 else found.reshape(n, note.draws)
