"""Memory: the engine's buffers beside the numbers they hold, and a network of 100 million synapses."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

from benchmarks import work
from benchmarks.peers.engine import Engine
from benchmarks.sections.variants import name_of
from benchmarks.table import Row, Section
from channelsim.plan import Plan

TARGET = 2.0
LARGE = [784, *[4_940] * 5, 10]
LARGE_BATCH, LARGE_FRAMES = 100, 3
LARGE_TARGET = 24.0  # GiB


def measure(settings: work.Settings) -> Section:
    section = Section()
    dataset = work.mnist(settings.train)
    for batch in (1, LARGE_BATCH):
        run = Engine(work.plan_of(work.scenario("srbp", batch), dataset), dataset)
        run.advance(10)
        held, needed = buffers(run), payload(run.plan)
        section.facts[name_of(batch)] = {"buffers": held, "payload": needed, "for the trace": traced(run)}
        detail = f"{sum(held.values()) / 1e6:.2f} MB : {sum(needed.values()) / 1e6:.2f} MB"
        ratio = sum(held.values()) / sum(needed.values())
        what = f"buffers, srbp, {name_of(batch)}"
        section.rows.append(Row(what, "x the size of W, b, C and messages", ratio, TARGET, None, False, detail))
    section.facts["large"] = found = _in_a_process(LARGE_BATCH)
    made = f"{found['synapses'] / 1e6:.1f} million synapses, made in {found['start_s']:.0f} s"
    detail = f"{made}, {found['frame_s']:.3g} s per frame"
    what = f"100-million-synapse network, srbp, {name_of(LARGE_BATCH)}"
    section.rows.append(Row(what, "GiB of peak resident memory", found["peak_gib"], LARGE_TARGET, None, False, detail))
    return section


FOR_THE_TRACE = ("message_rows", "payload")


def traced(run: Engine) -> int:
    """Bytes in which messages wait to be written to the trace: as many for every network."""
    return sum(getattr(run.state.memory, name).nbytes for name in FOR_THE_TRACE)


def buffers(run: Engine) -> dict[str, int]:
    """Bytes of every array that the engine has allocated for the network, and of the plan's own copies of b and C.

    Not counted: the data set and its list of events, which runs share, and what waits to be written to the trace.
    """
    held = {name: array.nbytes for name, array in run.state.memory._asdict().items() if name not in FOR_THE_TRACE}
    plan = run.plan
    held["plan"] = sum(array.nbytes for array in (plan.biases, plan.feedback, plan.c_start, plan.c_index))
    return {name: size for name, size in held.items() if size}


def payload(plan: Plan) -> dict[str, int]:
    """Bytes of W, b, C and the messages of one frame: a float32 for each neuron, sample and channel."""
    messages = plan.channels["n"].sum()
    activities = plan.layers["n"][1:].sum()
    return {
        "weights": 4 * plan.synapses,
        "biases": plan.biases.nbytes,
        "feedback": plan.feedback.nbytes,
        "messages": int(4 * plan.batch * messages),
        "activities": int(4 * plan.batch * activities),
    }


def _in_a_process(batch: int) -> dict[str, Any]:
    command = [sys.executable, "-m", __name__, str(batch)]
    done = subprocess.run(command, cwd=work.ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def large(batch: int, units: list[int] = LARGE) -> dict[str, Any]:
    """A few frames of a network of 100 million synapses: seconds, and the largest resident size of this process."""
    dataset = work.noise(1_000)
    began = time.perf_counter()
    plan = work.plan_of(work.scenario("srbp", batch, model=work.dense_model(units)), dataset)
    run = Engine(plan, dataset)
    start = time.perf_counter() - began
    run.advance(1)
    began = time.perf_counter()
    run.advance(LARGE_FRAMES)
    return {
        "synapses": plan.synapses,
        "start_s": start,
        "frame_s": (time.perf_counter() - began) / LARGE_FRAMES,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


if __name__ == "__main__":
    json.dump(large(int(sys.argv[1])), sys.stdout)
