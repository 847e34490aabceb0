"""A plot that grows while a run goes on: in a cell of a notebook it shows there, as a script it is a file."""

from pathlib import Path

import matplotlib.pyplot as plt

import channelsim as cs

figure, axes = plt.subplots()
notebook = "display" in globals()  # where IPython has put it
place = display(figure, display_id=True) if notebook else None  # noqa: F821


def draw(sim):
    axes.clear()
    axes.plot([epoch.test_accuracy for epoch in sim.history], label="test")
    axes.plot([epoch.train_accuracy for epoch in sim.history], label="train")
    axes.set(xlabel="epoch", ylabel="accuracy", title=sim.scenario.name)
    axes.legend()
    place.update(figure) if place else figure.savefig("live.png")


here = Path.cwd() if notebook else Path(__file__).parents[1]
cs.run(cs.load(here / "scenarios/digits-srbp.toml"), "runs/live.h5", force=True, on_epoch=draw)
