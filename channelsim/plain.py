"""Values as JSON has them, and mappings that cannot be changed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any


def strict(value: Any) -> Any:
    """`value` with NaN and infinity as null, which is all that JSON has, and mappings and tuples as dicts and lists."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_text(value: Any, indent: int | None = None, encoding: str = "utf-8") -> str:
    """`strict(value)` as JSON. Where `encoding` lacks one of its characters, all that is not ASCII is written as JSON's
    own escapes, which keep it: paths that are not UTF-8 have surrogates in them."""
    plain = strict(value)
    text = json.dumps(plain, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(plain, indent=indent, allow_nan=False)
    return text


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
