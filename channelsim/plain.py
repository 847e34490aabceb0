"""Values as JSON has them, and mappings that cannot be changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any


def strict(value: Any) -> Any:
    """`value` with NaN and infinity as null, which is all that JSON has, and mappings and tuples as dicts and lists."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # file names may have bytes that are no text
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Frozen(Mapping[str, Any]):
    """A mapping to read from. Unlike MappingProxyType it can be pickled and copied."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)
