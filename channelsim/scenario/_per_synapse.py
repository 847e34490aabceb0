"""Where each synapse can have feedback weights of its own."""

from __future__ import annotations

from channelsim.rules import RULES, Wiring
from channelsim.scenario._keys import Keys
from channelsim.scenario._table import Path

Problem = tuple[Path, str]


def synapse_problems(scenario: Keys) -> list[Problem]:
    """What does not go with an error for each synapse in place of one for each neuron."""
    feedback, rule = scenario.learning.feedback, scenario.learning.row
    if feedback.per == "neuron":
        return []
    if rule.wiring != Wiring.DENSE or rule.adaptive:
        fixed = ", ".join(name for name, r in RULES.items() if r.wiring == Wiring.DENSE and not r.adaptive)
        return [
            _problem(f"the rule {scenario.learning.rule_name} has no fixed random C", f'"neuron", or a rule of {fixed}')
        ]
    found: list[Problem] = []
    routes, layers = scenario.routes(), scenario.model.chain()
    for h, sources in routes.items():
        for source in set(sources) & set(routes):
            why = f"layer {source} has an error for each synapse, and none that it could send on to layer {h}"
            found.append(_problem(why, '"neuron", or learning.route = "skipped"'))
        if layers[h - 1].kind != "dense":
            why = f"layer {h}, a {layers[h - 1].kind}, has no synapses between single units"
            found.append(_problem(why, '"neuron", or dense layers'))
        if len(sources) > 1:
            why = f"layer {h} has errors from layers {', '.join(map(str, sources))}, which would have to add"
            found.append(_problem(why, '"neuron", or one source for each layer'))
    for name in scenario.channel_names:
        quantize = scenario.settings(name).quantize
        if name.startswith("learning") and quantize is not None and quantize.at == "receiver":
            found.append(
                _problem(f"{name} is quantized at the receiver, neuron by neuron", '"neuron", or at = "sender"')
            )
    given = {
        "connections": feedback.connections,
        "congruent": feedback.congruent,
        "rank": feedback.rank,
        "redraw": feedback.redraw,
        "copies": feedback.copies > 1,
        "C": feedback.C,
        "from": feedback.file,
    }
    found += [
        _problem(f"learning.feedback.{key} is about a C from neurons to neurons", f'"neuron", or no {key}')
        for key, value in given.items()
        if value
    ]
    update = scenario.synapses.update
    if update is not None and update.per == "sample":
        found.append(_problem('synapses.update has per = "sample"', '"neuron", or synapses.update.per = "batch"'))
    if scenario.trace.alignment != "none":
        found.append(_problem("trace.alignment compares errors of neurons", '"neuron", or trace.alignment = "none"'))
    return found


def _problem(why: str, accepted: str) -> Problem:
    return ("learning", "feedback", "per"), f" = 'synapse': {why}; accepted: {accepted}"
