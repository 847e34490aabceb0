"""Writes docs/keys.md: every key of a scenario, from the tables that validate it.

.venv/bin/python -m scripts.keys
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from channelsim import scenario
from channelsim.scenario import _channel, _rates, _sections
from channelsim.scenario._table import Table, accepted

PAGE = Path(__file__).resolve().parent.parent / "docs" / "keys.md"

HEAD = """# Every key of a scenario

Written by `python -m scripts.keys` from the tables that validate a scenario, and not edited by hand. The page has each
key with its default and what it accepts. What a key does to a run is said in [models.md](models.md) (networks, data,
training), [channel.md](channel.md) (channels, links, schedules), [trace.md](trace.md) and [sweep.md](sweep.md), and
exactly in [design.md](design.md). `channelsim check --schema` prints the same as a JSON Schema, with which an editor
completes keys while one writes.

Durations, rates and energies are written with their units: `"20 us"`, `"10 Mbit/s"`, `"0.9 pJ"`. `"none"` takes back a
default, or what a general table says; where no default is shown, the key does nothing unless it is given. Integers are
below 2^31 (`seed` and `frame` of a change below 2^63), other numbers below 1e38.
"""

SECTIONS: tuple[tuple[str, type[Table]], ...] = (
    ("The top of the file", scenario.Scenario),
    ("`[model]`, or a model file", scenario.Model),
    ('`[[model.layers]]`, kind = "dense"', scenario.Dense),
    ('`[[model.layers]]`, kind = "conv2d"', scenario.Conv2d),
    ('`[[model.layers]]`, kind = "maxpool"', scenario.MaxPool),
    ('`[[model.layers]]`, kind = "avgpool"', scenario.AvgPool),
    ('`[[model.layers]]`, kind = "flatten"', scenario.Flatten),
    ("`[model.weights]`", scenario.Weights),
    ("`[data]`", scenario.Data),
    ("`[data.idx]`", scenario.Idx),
    ("`[training]`", scenario.Training),
    ("`[training.learning_rate_decay]`", _rates.RateDecay),
    ("`[learning]`", scenario.Learning),
    ("`[learning.feedback]`", scenario.Feedback),
    ('`[channels.forward]`, `[channels.learning]`, `[channels."learning.2"]`', scenario.Channel),
    ("`threshold` of a channel", scenario.Threshold),
    ("`quantize` of a channel", scenario.Quantize),
    ("`noise` of a channel", scenario.Noise),
    ("`bit_errors` of a channel", scenario.BitErrors),
    ("`drop` of a channel", scenario.Drop),
    ("`jitter` of a channel", scenario.Jitter),
    ("`[links.NAME]`", scenario.Link),
    ("`[compute]`", scenario.Compute),
    ("`[synapses]`", scenario.Synapses),
    ("`update` of the synapses", _sections.QuantizeUpdate),
    ("`weight` of the synapses", _channel.LowPrecision),
    ("`[schedule]`", scenario.Schedule),
    ("`[[schedule.change]]`", scenario.Change),
    ("`[energy]`", scenario.EnergyCosts),
    ("Parts of your own: `stage`, `transfer`, `loss`, `rule`, `dataset`, `[metrics]`", scenario.Own),
    ("`[trace]`", scenario.Trace),
    ("`[[trace.events]]`", scenario.Window),
    ("`[[trace.record]]`", scenario.Record),
)

TAIL = """
## `[sweep]` and `[theory]`

The keys of `[sweep]` are dotted keys of the scenario, `zip` and `samples`: [sweep.md](sweep.md). `[theory]` is not a
part of a run, but solved by `channelsim theory`: [theory.md](theory.md).
"""


def page() -> str:
    """The text of the page."""
    return HEAD + "".join(_section(heading, table) for heading, table in SECTIONS) + TAIL


def _section(heading: str, table: type[Table]) -> str:
    schema = table.model_json_schema()
    needed = set(schema.get("required", ()))
    rows = [
        f"| `{key}` | {_default(field, key in needed)} | {_accepted(table, key)} | {_told(field, schema)} |"
        for key, field in schema["properties"].items()
    ]
    about = schema["description"]
    about = _summary(about) if table is scenario.Scenario else about  # the rest is about the class
    head = ["", f"## {heading}", "", about, "", "| key | default | accepted | |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _accepted(table: type[Table], key: str) -> str:
    """What a key accepts, without the limits that the head of the page gives."""
    return _cell(re.sub(r" and below (2147483648|9223372036854775808|1e\+38)", "", accepted(table, key)))


def _summary(description: str) -> str:
    return description.split("\n\n")[0]


def _default(field: dict[str, Any], needed: bool) -> str:
    if needed:
        return "required"
    default = field.get("default")
    return "" if default is None or isinstance(default, dict) else f"`{json.dumps(default)}`"


def _told(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """The description of a key, or where there is none that of the table which it takes."""
    table = schema.get("$defs", {}).get(str(field.get("$ref", "")).rsplit("/", 1)[-1], {})
    return _cell(_summary(field.get("description", table.get("description", ""))))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main() -> int:
    PAGE.write_text(page())
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
