"""The table of rules is that of docs/design.md, and plan and scenario follow it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from channelsim.plan import Direction
from channelsim.rules import FROM_WEIGHTS, RULES, SYNONYMS, Message, Route, Rule, Wiring
from channelsim.scenario import schema
from tests.networks import plan_of

DESIGN = Path(__file__).parents[1] / "docs" / "design.md"


def stated() -> dict[str, Rule]:
    """The table of section 2."""
    text = DESIGN.read_text().split("| rule | route | wiring C^h |")[1].split("\n\n")[0]
    found = {}
    for line in text.splitlines()[2:]:
        name, route, wiring, message, learns = (cell.strip() for cell in line.strip("|").split("|"))
        found[re.findall(r"`(\w+)`", name)[0]] = Rule(
            {"layered": Route.LAYERED, "skipped": Route.SKIPPED}.get(route.split(":")[0]),
            Wiring.NONE
            if wiring == "-"
            else Wiring.SIGN
            if "signs of W" in wiring
            else Wiring.PRODUCT
            if "product" in wiring
            else Wiring.TRANSPOSE
            if "transposed" in wiring
            else Wiring.DENSE,
            Message.TARGET if message == "T" else Message.ERROR,
            learns == "yes",
        )
    return found


def test_the_table_is_that_of_the_design() -> None:
    assert stated() == RULES


def test_the_schema_lists_the_rules_of_the_table() -> None:
    named, own = schema()["$defs"]["Learning"]["properties"]["rule"]["anyOf"]
    assert named["enum"] == [*RULES, *SYNONYMS] and own["$ref"].endswith("OwnRule")


@pytest.mark.parametrize("name", RULES)
def test_a_plan_of_dense_layers_is_wired_as_the_table_says(name: str) -> None:
    rule, plan = RULES[name], plan_of([4, 3, 3, 2], 5, learning={"rule": name})
    learning = plan.channels[plan.channels["direction"] == Direction.LEARNING]
    sources = {Route.LAYERED: [3, 2], Route.SKIPPED: [3, 3], None: []}[rule.route]
    assert learning["source"].tolist() == sources
    adjacent = {Wiring.TRANSPOSE} if rule.wiring == Wiring.PRODUCT else set()
    assert set(learning["wiring"].tolist()) <= {rule.wiring} | adjacent
    assert set(learning["message"].tolist()) <= {rule.message}
    assert set(learning["adaptive"].tolist()) <= {rule.adaptive}
    assert (plan.feedback.size > 0) == rule.has_feedback


def test_rules_that_use_the_weights_of_the_layer_above_cannot_skip_it() -> None:
    assert {name for name, rule in RULES.items() if rule.adjacent} == {"bp", "sign"}
    assert Wiring.DENSE not in FROM_WEIGHTS
