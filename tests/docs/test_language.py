"""Words that README and docs do without: metaphors and calques that cost the reader a translation."""

from __future__ import annotations

import re

import pytest

from scripts.pages import ROOT
from tests.docs.pages import PAGES

INSTEAD = {
    r"\b(nobody|somebody)\b": "the field's term: no channel uses it, receives no error signal",
    r"\b(speaks?|speaking|hears?|knows)\b": "sends, says; receives; has",
    r"\bhangs? on\b": "depends on",
    r"\bcame to\b": "result of",
    r"\ba trace a point\b": "one trace per point",
    r"\b(bits|us|ns|ms|events|messages|operations) an? (frame|update|epoch|sample)\b": "per frame",
    r"\ba line an epoch\b": "one line per epoch",
    r", of these\b": "of which",
    r"\bmuch poorer\b": "far cheaper",
    r"\bis told\b": "channelsim warns",
}
"""Pattern -> what to write instead."""


@pytest.mark.parametrize("pattern", INSTEAD)
def test_pages_do_without(pattern: str) -> None:
    found = []
    for page in (*PAGES, ROOT / "CHANGELOG.md"):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(pattern, line, re.IGNORECASE):
                found.append(f"{page.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not found, INSTEAD[pattern]
