"""Kernels against their plain forms, on arrays behind which other values lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from channelsim.engine.kernels import simd
from tests.engine.compiled import compiled

F = np.float32
GUARD = 40  # values behind each array that must stay as they are
VALUES = st.lists(
    st.sampled_from([0.0, -0.0, 0.0, 1e-45, np.nan, np.inf, -np.inf]) | st.floats(-8, 8, width=32), max_size=70
)
EDGES: list[list[float]] = [
    [],
    [0.0],
    [-0.0],
    [3.0],
    [np.nan],
    [np.inf, -np.inf],
    [1e-45, -1e-45, 1.1754944e-38],
    [2.5] * 33,
    [0.0] * 40,
    [-0.0] * 17,
    [1.0] * 16 + [np.nan],
    [np.nan] * 20,
    [0.0, 3.4e38, -3.4e38, 1e-45, -0.0, 1.0, -1.0, np.inf] * 5,
]
COMPILED = {name: compiled(getattr(simd, name)) for name in simd.__all__ if callable(getattr(simd, name))}


def numbers(n: int) -> Any:
    """n odd numbers."""
    return np.arange(1, 2 * n, 2, dtype=np.int32)


def argument(value: Any) -> tuple[Any, Any]:
    """(the argument, all of its memory): an array that others stand behind."""
    if not isinstance(value, np.ndarray):
        return value, value
    memory = np.concatenate([value, np.full(GUARD, 77, value.dtype)])
    return memory[: len(value)], memory


def assert_does_what_its_plain_form_says(
    function: Callable[..., Any], arguments: Callable[[], tuple[Any, ...]], lists: Sequence[int] | None = None
) -> None:
    """`lists` are the arguments that become as long as the result: what stands behind a list is never read."""
    plain, vectors = ([argument(value) for value in arguments()] for _ in range(2))
    with np.errstate(all="ignore"):
        expected = function(*[given for given, _ in plain])
    result = COMPILED[function.__name__](*[given for given, _ in vectors])
    assert result == expected
    for k, ((of_plain, all_of_plain), (of_vectors, all_of_vectors)) in enumerate(zip(plain, vectors, strict=True)):
        if lists and k in lists:
            np.testing.assert_array_equal(of_vectors[:result], of_plain[:result])
            np.testing.assert_array_equal(all_of_vectors[len(of_vectors) :], all_of_plain[len(of_plain) :])
        else:
            np.testing.assert_array_equal(all_of_vectors, all_of_plain)
