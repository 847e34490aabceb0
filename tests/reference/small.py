"""A running reference of a small network on random data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from channelsim import reference
from channelsim.reference import State
from tests.networks import dataset, plan_of, plan_of_chain


def start(
    units: list[int],
    samples: int = 12,
    transfers: list[str] | None = None,
    clock: bool | None = None,
    **tables: Any,
) -> State:
    """A reference before its first frame; tables as in TOML. The images are uniform on -1..1."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (samples, units[0])).astype(np.float32)
    y = rng.integers(units[-1], size=samples)
    plan = plan_of(units, samples, transfers, **tables)
    return reference.start(plan, dataset(x, y, units[-1]), clock)


def start_chain(
    shape: Sequence[int], layers: list[dict[str, Any]], classes: int, samples: int = 6, **tables: Any
) -> State:
    """The same for a network of these [[layers]]."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (samples, *shape)).astype(np.float32)
    y = rng.integers(classes, size=samples)
    return reference.start(plan_of_chain(shape, layers, classes, samples, **tables), dataset(x, y, classes))


def same(a: State, b: State) -> bool:
    """Whether two references have the same W, b and C, bit for bit."""
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("weights", "biases", "feedback"))


def run(*arguments: Any, **tables: Any) -> State:
    """`start`, run to the end."""
    ref = start(*arguments, **tables)
    reference.advance(ref, ref.plan.frames)
    return ref
