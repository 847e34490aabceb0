"""Mini-batches on two cores against one.

Measured in a process of its own, which no core is chosen for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.table import Row, Section, us
from benchmarks.work import FULL, QUICK, ROOT, Settings

TARGET = 1.6
THREADS = 2


def measure(settings: Settings) -> Section:
    command = [sys.executable, "-m", __name__, *(["--quick"] if settings.quick else [])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    if found["cores"] < THREADS:
        return Section(facts=found, notes=["two cores: left out, there is one"])
    section = Section(facts=found)
    for rule, times in found["times"].items():
        one, two = times["1"]["median"], times["2"]["median"]
        detail = f"{us(two)} : {us(one)}"
        what = f"{rule}, batch 100, {THREADS} cores"
        section.rows.append(Row(what, "x as fast as our one core", one / two, TARGET, None, True, detail))
    return section


def child(settings: Settings) -> dict[str, Any]:
    """In the process that has all cores: interleaved times with one thread and with two."""
    from benchmarks import environment

    cores = environment.unpin()
    from benchmarks import work
    from benchmarks.peers.engine import Engine
    from benchmarks.sections.variants import as_json
    from benchmarks.timing import interleave
    from channelsim import engine

    if cores < THREADS:
        return {"cores": cores}
    dataset = work.mnist(settings.train)
    found: dict[str, Any] = {"cores": cores, "times": {}}
    for rule in ("srbp", "bp"):
        plan = work.plan_of(work.scenario(rule, 100), dataset)

        def timed(threads: int, run: Engine):
            def go() -> int:
                with engine.threads(threads):
                    return run.advance(settings.train // 100)

            return go

        runs = {str(threads): timed(threads, Engine(plan, dataset)) for threads in (1, THREADS)}
        found["times"][rule] = as_json(interleave(runs, settings.rounds))
    return found


if __name__ == "__main__":
    json.dump(child(QUICK if "--quick" in sys.argv else FULL), sys.stdout)
