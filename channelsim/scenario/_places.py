"""Where and when a quantizer can act: at the receiver of a learning channel, on the update of a single sample."""

from __future__ import annotations

from channelsim.rules import Wiring
from channelsim.scenario._channel import Channel, tables_of
from channelsim.scenario._keys import Keys
from channelsim.scenario._table import Path

Problem = tuple[Path, str]


def receiver_problems(scenario: Keys) -> list[Problem]:
    """Quantizers at the receiver where there is nothing that they could act on, or that change their place."""
    found: list[Problem] = []
    feedback, rule = scenario.learning.feedback, scenario.learning.row
    for name, (direction, source, h) in scenario.ends().items():
        if not _is_at_receiver(scenario.settings(name)):
            found += _changes_of_place(scenario, name, False)
            continue
        place = _key(scenario.channels, name)
        if direction == "forward":
            text = f" = 'receiver': {name} carries activities, which W has yet to pass"
            found.append(((*place, "at"), f'{text}; accepted: "sender", or a learning channel'))
        elif rule.adaptive and scenario.feedback_rate(h) > 0:
            text = f" = 'receiver': C of {name} learns from the values of layer {source}, which then do not "
            found.append(((*place, "at"), f'{text}arrive; accepted: "sender", or a rule whose C is fixed'))
        elif feedback.rank is not None:
            text = f" = 'receiver': with learning.feedback.rank the values of P travel on {name}, before Q"
            found.append(((*place, "at"), f'{text}; accepted: "sender", or no rank'))
        elif rule.wiring == Wiring.PRODUCT and source > h + 1:
            text = f" = 'receiver': errors of {scenario.learning.rule_name} pass several W on their way to layer {h}"
            found.append(((*place, "at"), f'{text}; accepted: "sender", or another rule'))
        link = scenario.settings(name).link
        if direction == "learning" and link in scenario.links and scenario.links[link].broadcast:
            text = f" = 'receiver': each layer on the broadcast link {link} would be sent values of its own"
            found.append(((*place, "at"), f'{text}; accepted: "sender", or a link without broadcast'))
        found += _changes_of_place(scenario, name, True)
    return list(dict.fromkeys(found))


def _changes_of_place(scenario: Keys, name: str, at_receiver: bool) -> list[Problem]:
    """Scheduled changes that move the quantizer of a channel."""
    found: list[Problem] = []
    changes = scenario.schedule.change
    for i, change in enumerate(changes):
        moved = _is_at_receiver(scenario.settings(name, changes[: i + 1])) != at_receiver
        if moved and any("quantize" in table.model_fields_set for table in change.channels.values()):
            was = "receiver" if at_receiver else "sender"
            text = f" would change what {name} carries during the run; accepted: a quantizer at = {was!r}"
            text += "" if at_receiver else ', or "none"'
            found.append((("schedule", "change", i, *_key(change.channels, name)), text))
    return found


def _is_at_receiver(channel: Channel) -> bool:
    return channel.quantize is not None and channel.quantize.at == "receiver"


def _key(tables: dict[str, Channel], name: str) -> Path:
    """The path of the quantizer of a channel in these tables."""
    own = [key for key in reversed(tables_of(name)) if key in tables and "quantize" in tables[key].model_fields_set]
    path = (own or [name])[0], "quantize"
    return ("channels", *path)


def sample_problems(scenario: Keys) -> list[Problem]:
    """Updates quantized sample by sample where what is added to W is not a sum over the samples of a frame."""
    update, training = scenario.synapses.update, scenario.training
    if update is None or update.per == "batch":
        return []
    found: list[Problem] = []
    for key, value, why in (
        ("momentum", training.momentum, "a step with momentum is that of many frames"),
        ("weight_decay", training.weight_decay, "weights decay once in a frame, and not with each sample"),
    ):
        if value:
            text = f" = 'sample': {why}; accepted: \"batch\", or training.{key} = 0"
            found.append((("synapses", "update", "per"), text))
    return found
