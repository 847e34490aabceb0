"""The test set through the channels as they are deployed: with clock, queues, deadlines and residuals.

`engine.evaluate` says what a network has learned ("as trained"): its channels do to values what they do in training,
but nothing is late, nothing is lost in a queue, and nothing is carried from one sample to the next. Where a forward
channel does that, this module says what the same network does when it is used ("as deployed"). Both are defined in
docs/design.md, section 1.
"""

from __future__ import annotations

import math
from dataclasses import replace

from channelsim import engine
from channelsim.data import Dataset
from channelsim.plan import Direction, Plan


def differs(plan: Plan) -> bool:
    """Whether at some time of the run a forward channel has a deadline, a residual, a stage of the user's own that
    keeps a state, or a queue on a link that takes time."""
    if any(own.state_size and plan.channels["direction"][own.channel] == Direction.FORWARD for own in plan.own_stages):
        return True
    for channels, links in ((plan.channels, plan.links), *((each.channels, each.links) for each in plan.changes)):
        forward = channels[channels["direction"] == Direction.FORWARD]
        on = links[forward["link"]]
        queued = (on["queue"] >= 0) & (on["ps_numerator"] > 0)
        if ((forward["deadline"] >= 0) | (forward["residual"] != 0) | queued).any():
            return True
    return False


def evaluate(learner: engine.State, dataset: Dataset) -> tuple[float, float]:
    """(mean loss, accuracy) on the test set as deployed, with weights and channels as they are at the moment; NaN
    without test samples, or if an activity is not finite. Real targets have no accuracy (NaN).

    Leaves the learner as it is (but settled).
    """
    if len(dataset.test_y) == 0:
        return math.nan, math.nan
    engine.settle(learner)
    plan = _in_use(learner, len(dataset.test_y))
    samples = replace(dataset, train_x=dataset.test_x, train_y=dataset.test_y)
    passing = engine.start_probe(plan, samples, learner, capture=False)
    try:
        engine.advance(plan, passing, plan.frames)
    except engine.Diverged:
        return math.nan, math.nan
    tally = engine.tally(passing)
    return tally.loss / tally.samples, math.nan if dataset.real else tally.correct / tally.samples


def _in_use(learner: engine.State, samples: int) -> Plan:
    """The plan of a network that is used and does not learn: no learning channels, one frame after another."""
    forward = learner.channels["direction"] == Direction.FORWARD
    layers = learner.plan.layers.copy()
    layers["compute_learning"] = 0
    return replace(
        learner.plan,
        layers=layers,
        channels=learner.channels[forward],  # the first of all, so that each keeps its draws
        own_stages=tuple(own for own in learner.plan.own_stages if forward[own.channel]),
        links=learner.links.copy(),
        changes=(),
        train_size=samples,
        epochs=1,
        shuffle=False,
        pipelined=False,
        interval=0,
        poisson=False,
        stash=0,
    )
