"""Functions that only compiled code can call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """What compiled code gets when it calls this function."""
    return njit(lambda *arguments: function(*arguments))
