"""A convolutional network in mini-batches on two cores, beside PyTorch.

Measured in a process of its own, which no core is chosen for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import Any

from benchmarks.table import Row, Section, us
from benchmarks.work import FULL, QUICK, ROOT, Settings

TARGETS = {"bp": 1.0, "srbp": 1.2}
THREADS, BATCH, RATE = 2, 128, 0.01
FRAMES = {True: 3, False: 10}  # of one measurement, by `quick`
CHECKED, CLOSE = 3, 1e-4  # updates after which the weights of both are compared


def measure(settings: Settings) -> Section:
    command = [sys.executable, "-m", __name__, *(["--quick"] if settings.quick else [])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    section = Section(facts=found)
    for rule, times in found["times"].items():
        ours, theirs = times["channelsim"]["median"], times["PyTorch eager"]["median"]
        detail = f"{us(ours)} : {us(theirs)}"
        what = f"convolution, {rule}, batch {BATCH}, {found['cores']} cores"
        section.rows.append(Row(what, "x as fast as PyTorch", theirs / ours, TARGETS[rule], None, True, detail))
    bp, srbp = (found["times"][rule]["channelsim"]["median"] for rule in ("bp", "srbp"))
    share, counted = srbp / bp, found["macs"]["srbp"] / found["macs"]["bp"]
    detail = f"{counted:.3g} x its operations"
    section.rows.append(Row("convolution, srbp against bp", "x the time", share, None, None, False, detail))
    return section


def child(settings: Settings) -> dict[str, Any]:
    """In the process that has all cores: interleaved times of both, after a check that they do the same work."""
    from benchmarks import environment

    cores = min(environment.unpin(), THREADS)
    import numpy as np
    import torch

    from benchmarks import work
    from benchmarks.peers.engine import Engine
    from benchmarks.peers.torch_maps import TorchMaps
    from benchmarks.sections.variants import as_json
    from benchmarks.timing import interleave
    from channelsim import engine
    from channelsim.data import load_dataset
    from channelsim.scenario import Scenario

    torch.set_num_threads(cores)
    frames = FRAMES[settings.quick]
    dataset = load_dataset(name="cifar10", train=BATCH * frames, test=10, normalize=True)
    found: dict[str, Any] = {"cores": cores, "times": {}, "macs": {}}
    for rule in TARGETS:
        training = {"epochs": work.ENDLESS, "batch": BATCH, "learning_rate": RATE, "shuffle": False}
        wanted = Scenario.model_validate(
            {"name": rule, "model": str(ROOT / "models" / "cifar10-conv.toml"), "data": {"name": "cifar10"},
             "seed": work.SEED, "training": training, "learning": {"rule": rule}}
        )  # fmt: skip
        plan = work.plan_of(wanted, dataset)
        order = np.arange(len(dataset.train_y))
        with engine.threads(cores):
            ours, theirs = Engine(plan, dataset), TorchMaps(plan, dataset.train_x, dataset.train_y, rule)
            ours.advance(CHECKED)
            theirs.train(order[: CHECKED * BATCH])
            mine = np.concatenate([w.ravel() for w in theirs.weights()])
            apart = float(np.abs(mine - ours.state.weights).max())
            if not apart < CLOSE:
                raise RuntimeError(f"{rule}: the weights are {apart:g} apart after {CHECKED} updates")
            counters = ours.state.counters
            found["macs"][rule] = int((counters["macs"] + counters["update_macs"]).sum())
            runs = {"channelsim": partial(ours.advance, frames), "PyTorch eager": partial(theirs.train, order)}
            found["times"][rule] = as_json(interleave(runs, settings.rounds))
    return found


if __name__ == "__main__":
    json.dump(child(QUICK if "--quick" in sys.argv else FULL), sys.stdout)
