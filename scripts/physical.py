"""Runs the systems in scenarios/physical, and the same on ideal channels: the table of scenarios/physical/README.md.

.venv/bin/python scripts/physical.py [NAME ...]
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import channelsim as cs
from channelsim.units import percent, quantity

FOLDER = Path(__file__).resolve().parent.parent / "scenarios" / "physical"


def main(names: list[str]) -> int:
    folder = Path("runs") / "physical"
    folder.mkdir(parents=True, exist_ok=True)
    columns = ("as trained", "as deployed", "on ideal channels", "for learning", "errors lost", "simulated time")
    print(f"| scenario | {' | '.join(columns)} | busiest link |")
    print("|---|---|---|---|---|---|---|---|")
    for path in sorted(FOLDER.glob("*.toml")):
        if names and path.stem not in names:
            continue
        scenario = cs.load(path)
        result = cs.run(scenario, out=folder / f"{path.stem}.h5", force=True)
        ideal = cs.run(on_ideal_channels(scenario), out=folder / f"{path.stem}-ideal.h5", force=True)
        print(
            f"| [{path.stem}]({path.name}) | {percent(result.test_accuracy)} | "
            f"{percent(result.test_accuracy_deployed)} | {percent(ideal.test_accuracy)} | "
            f"{quantity(result.bits_per_update, 'bit')} per update | {percent(lost(result))} | "
            f"{quantity(result.simulated_time_s, 's')} | {busiest(scenario, result)} |",
            flush=True,
        )
    return 0


def on_ideal_channels(scenario: cs.Scenario) -> cs.Scenario:
    """The same network, data and rule on ideal channels."""
    physical = ("channels", "links", "compute", "schedule", "synapses", "energy")
    return cs.Scenario(**{key: value for key, value in scenario.document().items() if key not in physical})


def lost(result: cs.Result) -> float:
    """Share of the events on the learning channels that did not arrive, for whatever reason."""
    with cs.Trace(result.trace) as trace:
        rows = [trace.channels(name) for name in result.channels if name.startswith("learning.")]
    offered = sum(int(row["events"].sum() + row["overflow"].sum()) for row in rows)
    return 1 - sum(int(row["delivered"].sum()) for row in rows) / offered


def busiest(scenario: cs.Scenario, result: cs.Result) -> str:
    """The link that is occupied for the largest share of the time; channels may share one."""
    busy: Counter[str] = Counter()
    for name, total in result.channels.items():
        busy[scenario.settings(name).link or name] += total["utilisation"]
    name, share = busy.most_common(1)[0]
    return f"{name}, {percent(share)}" if share else "-"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
