"""What `golden.json` holds: digests of what small runs leave, which every machine must meet.

    python -m tests.laws.golden          compares this machine with the file, and exits with 1 where they differ
    python -m tests.laws.golden --write  writes the file again: where what a scenario means has changed on purpose

One digest for each scenario and part, so that a difference says where to look. `make golden-arm64` compares an emulated
64-bit ARM.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from channelsim import engine
from channelsim.plan import MESSAGE_ROW
from tests.laws.golden_scenarios import SCENARIOS, Golden

FILE = Path(__file__).with_name("golden.json")
Digests = dict[str, dict[str, str]]


def digests(golden: Golden) -> dict[str, str]:
    """A digest of each part of what a run leaves."""
    return {part: _digest(values) for part, values in _outcome(golden).items()}


def recorded() -> Digests:
    """Those of the file: by scenario, then by part."""
    found: Digests = json.loads(FILE.read_text())
    return found


def differences(name: str, found: dict[str, str], expected: Digests) -> list[str]:
    """The parts of a scenario that are not as recorded."""
    wanted = expected.get(name, {})
    return [part for part in sorted({*found, *wanted}) if found.get(part) != wanted.get(part)]


def _outcome(golden: Golden) -> dict[str, Any]:
    plan, data = golden.plan(), golden.data()
    state = engine.start(plan, data, trace_frames=plan.frames if golden.traced else 0)
    rows = [np.zeros(0, MESSAGE_ROW)]
    engine.advance(plan, state, plan.frames, lambda part, payload: rows.append(part))
    tally = engine.tally(state)
    engine.settle(state)
    return {
        "weights before": plan.weights,
        "weights": state.weights,
        "biases": state.biases,
        "feedback": state.feedback,
        "counters": state.counters,
        "messages": np.concatenate(rows),
        "clock": np.array([state.now, state.most_in_flight]),
        "ages": state.ages,
        "misses": state.misses,
        "training": np.array([tally.loss, tally.correct, tally.samples, tally.updates]),
        "evaluation": np.array(engine.evaluate(state, data.test_x, data.test_y)),
    }


def _digest(values: Any) -> str:
    """64 bits of the SHA-256 of an array, records field by field."""
    state = hashlib.sha256()
    for name in values.dtype.names or [None]:
        column = np.ascontiguousarray(values if name is None else values[name])
        state.update(f"{name} {column.dtype.str} {column.shape}".encode())
        state.update(column.tobytes())
    return state.hexdigest()[:16]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares small runs with recorded ones, bit for bit.")
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name} again")
    parser.add_argument("scenario", nargs="*", help="only these")
    chosen = parser.parse_args()
    if chosen.write:
        FILE.write_text(json.dumps({name: digests(golden) for name, golden in SCENARIOS.items()}, indent=1) + "\n")
        return 0
    expected, wrong = recorded(), 0
    for name in chosen.scenario or SCENARIOS:
        parts = differences(name, digests(SCENARIOS[name]), expected)
        wrong += bool(parts)
        print(f"{name}: {'differs in ' + ', '.join(parts) if parts else 'same'}", flush=True)
    print(f"{wrong} of {len(chosen.scenario or SCENARIOS)} scenarios differ from {FILE.name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
