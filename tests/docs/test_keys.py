"""docs/keys.md has every key of a scenario, as the tables have it."""

from __future__ import annotations

import channelsim as cs
from scripts import keys


def test_the_page_is_as_it_would_be_written_now() -> None:
    assert keys.PAGE.read_text() == keys.page(), "run: python -m scripts.keys"


def test_every_table_has_its_section() -> None:
    there = {table.__name__ for _, table in keys.SECTIONS}
    tables = {"Scenario", *cs.schema()["$defs"], *cs.schema(model=True)["$defs"]}
    assert there == tables - {"OwnRule"}  # what a file says of a rule is no key
