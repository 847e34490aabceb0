"""What the steps of a user's own rule can be of: the synapses of dense layers, and a C that is a matrix."""

from __future__ import annotations

from channelsim.scenario._keys import Keys
from channelsim.scenario._own_rule import OwnRule
from channelsim.scenario._table import Path

Problem = tuple[Path, str]


def step_problems(scenario: Keys) -> list[Problem]:
    """What does not go with a step of W, or of C, of the user's own."""
    rule = scenario.learning.rule
    if not isinstance(rule, OwnRule) or rule.declared is None:
        return []
    found: list[Problem] = []
    if rule.declared.step_w:
        found += _of_weights(scenario, rule.declared.top)
    if rule.declared.step_c:
        layers = scenario.model.chain()
        for direction, source, target in scenario.ends().values():
            if direction == "learning" and source == target + 1 and layers[source - 1].kind == "conv2d":
                why = f"step_c is of a wire between two units, but C of layer {source}, a conv2d, is a bank of kernels"
                found.append(_problem(f"{why}; accepted: routes on which each C is a matrix, or no step_c"))
    return list(dict.fromkeys(found))


def _of_weights(scenario: Keys, top: bool) -> list[Problem]:
    found: list[Problem] = []
    learners = {*scenario.routes()} | ({scenario.depth} if top else set())
    for h, layer in enumerate(scenario.model.chain(), start=1):
        if h in learners and layer.synapses and layer.kind != "dense" and scenario.training.rate(h) > 0:
            why = f"step_w is of a synapse between two units, but layer {h}, a {layer.kind}, shares its kernels"
            found.append(_problem(f"{why}; accepted: dense layers, training.learning_rate.{h} = 0, or no step_w"))
    update = scenario.synapses.update
    if update is not None and update.per == "sample":
        why = 'synapses.update has per = "sample", but the mean of step_w over the samples is one step'
        found.append(_problem(f'{why}; accepted: synapses.update.per = "batch", or no step_w'))
    if scenario.learning.feedback.per == "synapse":
        why = 'step_w is given the error of a neuron, which learning.feedback.per = "synapse" has none of'
        found.append(_problem(f'{why}; accepted: learning.feedback.per = "neuron", or no step_w'))
    return found


def _problem(text: str) -> Problem:
    return ("learning", "rule"), f": {text}"
