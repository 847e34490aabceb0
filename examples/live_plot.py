"""A plot that grows while a run goes on: in a cell of a notebook it shows there, as a script it is a file."""

from pathlib import Path

import matplotlib.pyplot as plt

import channelsim as cs
from channelsim.notebook import in_notebook

figure, axes = plt.subplots()
place = display(figure, display_id=True) if in_notebook() else None  # noqa: F821 (of IPython)


def draw(sim):
    axes.clear()
    axes.plot([epoch.test_accuracy for epoch in sim.history], label="test")
    axes.plot([epoch.train_accuracy for epoch in sim.history], label="train")
    axes.set(xlabel="epoch", ylabel="accuracy", title=sim.scenario.name)
    axes.legend()
    place.update(figure) if place else figure.savefig("live.png")


scenarios = Path.cwd() if in_notebook() else Path(__file__).parents[1]
cs.run(cs.load(scenarios / "scenarios/digits-srbp.toml"), "runs/live.h5", force=True, on_epoch=draw)
