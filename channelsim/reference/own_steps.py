"""Steps of the user's own rule, called as they stand: synapse after synapse, sample after sample."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim import hashing, own_rules
from channelsim.extend import Step
from channelsim.hashing import Stream
from channelsim.plan import FIRST_STEP_DRAW, OwnRule, Plan
from channelsim.reference import draws


def mean_steps(
    plan: Plan,
    step: Step,
    c: int,
    frame: int,
    batch: int,
    pre: torch.Tensor,
    post: torch.Tensor,
    error: torch.Tensor,
    values: torch.Tensor,
    wires: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """The means over a frame of `batch` samples of the steps of `values`, float32 in their shape.

    Of W or C: pre (B, rows), post and error (B, columns), values (rows, columns), or with `wires`, the row and the
    column of each, (wires,). c: the channel whose draws are taken, the forward one of W.
    """
    assert plan.own_rule is not None
    rows, columns = (part.numpy() for part in wires) if wires else np.indices(values.shape).reshape(2, -1)
    width = post.shape[1]
    x, o, e, w = (part.double().numpy() for part in (pre, post, error, values.flatten()))
    total = np.zeros(len(w))
    for b in range(len(x)):
        given = x[b, rows], o[b, columns], e[b, columns], w
        u = _drawn(plan.own_rule, plan.seed, c, frame, b, rows * width + columns)
        total += own_rules.calls(plan.own_rule.part, step, *given, *u)
    with np.errstate(all="ignore"):
        return torch.from_numpy((total / batch).astype(np.float32)).view(values.shape)


def _drawn(
    rule: OwnRule, seed: int, c: int, frame: int, sample: int, places: NDArray[Any]
) -> tuple[Iterable[Any], ...]:
    """The draws of one sample, for one place in the matrix after another; none where the rule has none."""
    note = own_rules.note_of(rule.part)
    indices = FIRST_STEP_DRAW + (places[:, None] * note.draws + np.arange(note.draws)).ravel()
    words = draws.words(seed, Stream.OWN, c, frame, [sample], indices)[0]
    found = hashing.normal(words) if note.normal else hashing.uniform(words)
    return own_rules.draws_of(note, found.reshape(len(places), note.draws))
