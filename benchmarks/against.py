"""Two checkouts in turn, in one run: has a change made the engine slower?

    python -m benchmarks.against OTHER [ROUNDS] [NAME ...]

OTHER is another checkout of this repository. Each one runs in a process of its own, with its own engine; of each kind
of work the two take turns, and what is printed is the median time of a frame in this one over that in the other one.
`CHANNELSIM_LANES` holds for both as far as they know it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import environment

ROOT = Path(__file__).parents[1]
ROUNDS, SECONDS = 9, 0.25  # of one measurement
TRAIN = 10_000
CONVOLUTION = {
    "name": "maps",
    "input": [1, 28, 28],
    "layers": [
        {"kind": "conv2d", "channels": 16, "kernel": 5, "transfer": "tanh"},
        {"kind": "maxpool", "size": 2},
        {"kind": "flatten"},
        {"kind": "dense", "units": 10, "transfer": "softmax"},
    ],
}


def _cases() -> dict[str, tuple[str, int, dict[str, Any]]]:
    from benchmarks.sections.channels import ALL_STAGES, PIPELINED

    sparse = {"threshold": {"value": 0.05}}
    quantized = {"update": {"kind": "log2", "exponents": 4}, "weight": {"kind": "uniform", "bits": 8}}
    cases: dict[str, tuple[str, int, dict[str, Any]]] = {}
    for batch in (1, 100):
        for rule in ("srbp", "bp", "arbp", "sign"):
            cases[f"{rule}, batch {batch}"] = (rule, batch, {})
        channels = {"forward": ALL_STAGES, "learning": ALL_STAGES}
        cases[f"all stages, batch {batch}"] = ("srbp", batch, {"channels": channels})
        cases[f"pipelined, batch {batch}"] = ("srbp", batch, PIPELINED[batch])
        cases[f"sparse, batch {batch}"] = ("srbp", batch, {"channels": {"forward": sparse, "learning": sparse}})
        cases[f"momentum, batch {batch}"] = ("bp", batch, {"training": {"momentum": 0.9}})
        cases[f"quantized synapses, batch {batch}"] = ("srbp", batch, {"synapses": quantized})
    cases["convolution, batch 100"] = ("bp", 100, {"model": CONVOLUTION, "data": {"name": "mnist"}})
    return cases


def serve() -> None:
    """One checkout's process: reads a name, answers with the seconds that a frame takes."""
    environment.pin()
    from benchmarks import work
    from benchmarks.peers.engine import Engine

    dataset = work.mnist(TRAIN)
    engines: dict[str, tuple[Engine, int]] = {}
    cases = _cases()
    for line in sys.stdin:
        name = line.strip()
        if name not in engines:
            rule, batch, tables = cases[name]
            data = dataset
            if "model" in tables:
                data = dataset.__class__(**{**vars(dataset), "shape": (1, 28, 28)})
            engine = Engine(work.plan_of(work.scenario(rule, batch, **tables), data), data)
            began = time.perf_counter()
            engine.advance(max(2, 1000 // batch))
            began = time.perf_counter()
            engine.advance(max(2, 1000 // batch))
            took = (time.perf_counter() - began) / max(2, 1000 // batch)
            engines[name] = engine, max(1, int(SECONDS / took))
        engine, frames = engines[name]
        began = time.perf_counter()
        engine.advance(frames)
        print(json.dumps((time.perf_counter() - began) / frames), flush=True)


def main(argv: list[str]) -> int:
    if not argv:
        print(__doc__)
        return 2
    other, rounds = Path(argv[0]).resolve(), int(argv[1]) if len(argv) > 1 else ROUNDS
    wanted = argv[2:] or list(_cases())
    code = (
        "import runpy, sys; sys.path.insert(0, {root!r}); sys.argv = ['', '--serve']; "
        "runpy.run_path({this!r}, run_name='__main__')"
    )
    processes = []
    for root in (ROOT, other):
        command = [sys.executable, "-c", code.format(root=str(root), this=__file__)]
        environ = {**os.environ, "PYTHONPATH": str(root)}
        processes.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env=environ)
        )

    def ask(process: subprocess.Popen[str], name: str) -> float:
        assert process.stdin and process.stdout
        process.stdin.write(name + "\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    for name in wanted:
        for process in processes:
            ask(process, name)  # warms up
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(rounds):
            for k in (0, 1) if turn % 2 == 0 else (1, 0):
                times[k].append(ask(processes[k], name))
        ours, theirs = (statistics.median(each) for each in times)
        print(f"{name:30} {ours * 1e6:10.2f} us {theirs * 1e6:10.2f} us   {ours / theirs:.3f}", flush=True)
    for process in processes:
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()
    return 0


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        sys.exit(main(sys.argv[1:]))
