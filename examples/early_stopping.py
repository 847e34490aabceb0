"""Early stopping by a callback: no better validation accuracy for three epochs."""

from pathlib import Path

import channelsim as cs


class Enough(Exception):
    """Ends a run as Ctrl-C does: its trace is whole, and can be resumed."""


def patience(sim, epochs=3):
    accuracy = [epoch.validation_accuracy for epoch in sim.history]
    if sim.epoch > epochs and max(accuracy[-epochs:]) <= max(accuracy[:-epochs]):
        raise Enough


scenarios = Path(__file__).parents[1] / "scenarios"
scenario = cs.load(scenarios / "digits-srbp.toml", set=["data.validation=200", "training.epochs=100"])
try:
    cs.run(scenario, "runs/early.h5", force=True, on_epoch=patience)
except Enough:
    with cs.Trace("runs/early.h5") as trace:
        best = max(trace.metrics("validation")["accuracy"])
        print(f"{trace.status} after {len(trace.metrics('test'))} epochs, validation accuracy {best:.3f}")
