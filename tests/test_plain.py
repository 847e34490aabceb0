"""Values as JSON has them."""

from __future__ import annotations

import json
import math

import pytest

from channelsim.plain import Frozen, json_text, strict


def test_what_is_not_finite_is_null() -> None:
    value = {"a": math.nan, 1: (math.inf, 1.5, True), "b": Frozen({"c": -math.inf})}
    assert strict(value) == {"a": None, "1": [None, 1.5, True], "b": {"c": None}}


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("utf-8", "µ", '"µ"'),
        ("ascii", "µ", '"\\u00b5"'),
        ("utf-8", "run-\udcff", '"run-\\udcff"'),  # a byte of a file's name that is not UTF-8
    ],
)
def test_what_an_encoding_lacks_is_kept_as_an_escape(encoding: str, text: str, written: str) -> None:
    assert json_text(text, encoding=encoding) == written
    assert json.loads(written) == text
