"""What holds between the tables of a scenario: mistakes, advice, and the scenario in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from channelsim import units
from channelsim.scenario._channel import Channel, Quantize
from channelsim.scenario._sections import ADAPTIVE, Schedule
from channelsim.scenario._table import Path, TableError, nearest

if TYPE_CHECKING:
    from channelsim.scenario._scenario import Scenario

CHANNEL_NAME = re.compile(r"^(forward|learning)(\.[1-9]\d*)?$")

Problem = tuple[Path, str]


def problems(scenario: Scenario) -> list[Problem]:
    """What contradicts something else, each with the path of its key."""
    found = _names(scenario) + _links(scenario) + _lengths(scenario) + _schedule(scenario)
    try:
        scenario.routes()
    except TableError as error:
        found += error.problems
    return found


def _names(scenario: Scenario) -> list[Problem]:
    """Channels that this network does not have."""
    depth = scenario.depth
    known = ["forward", *(f"forward.{h}" for h in range(1, depth + 1))]
    if depth > 1:
        known += ["learning", *(f"learning.{h}" for h in range(1, depth))]
    words = f'"forward", "forward.1" to "forward.{depth}"'
    if depth > 2:
        words += f', "learning", "learning.1" to "learning.{depth - 1}"'
    elif depth == 2:
        words += ', "learning", "learning.1"'
    tables: list[tuple[Path, dict[str, Channel]]] = [(("channels",), scenario.channels)]
    for i, change in enumerate(scenario.schedule.change):
        tables.append((("schedule", "change", i, "channels"), change.channels))
    return [
        ((*path, name), f" is no channel of this network{nearest(name, known)}; accepted: {words}")
        for path, table in tables
        for name in table
        if name not in known
    ]


def _links(scenario: Scenario) -> list[Problem]:
    """Links that no channel names, and names of links that are not there."""
    found: list[Problem] = []
    named = {channel.link for channel in scenario.channels.values()}
    known = ", ".join(scenario.links) or '"none", as there is no [links.NAME]'
    for name, channel in scenario.channels.items():
        if channel.link is not None and channel.link not in scenario.links:
            text = f" = {channel.link!r} is not in [links]{nearest(channel.link, scenario.links)}; accepted: {known}"
            found.append((("channels", name, "link"), text))
    for name in scenario.links:
        if name not in named:
            found.append((("links", name), f' is named by no channel; accepted: a link that some channel names (link = "{name}")'))
    for i, change in enumerate(scenario.schedule.change):
        for name, channel in change.channels.items():
            key = next((k for k in ("bandwidth", "queue") if k in channel.model_fields_set), None)
            if key and any(_on_link(scenario, n) for n in scenario.channels if _speaks_of(name, n)):
                text = " is the shared link's and cannot change here; accepted: the other keys of a channel"
                found.append((("schedule", "change", i, "channels", name, key), text))
    return found


def _on_link(scenario: Scenario, name: str) -> bool:
    return scenario.channels[name].link is not None


def _speaks_of(changed: str, named: str) -> bool:
    """Whether the two names can mean the same channel."""
    return changed == named or changed.startswith(f"{named}.") or named.startswith(f"{changed}.")


def _lengths(scenario: Scenario) -> list[Problem]:
    """Lists that must have an entry for each layer."""
    found: list[Problem] = []
    for key in ("forward", "learning"):
        times = getattr(scenario.compute, key)
        if len(times) not in (1, scenario.depth):
            text = f" has {len(times)} entries; accepted: one duration, or a list of {scenario.depth}, one a layer"
            found.append((("compute", key), text))
    return found


def _schedule(scenario: Scenario) -> list[Problem]:
    """Keys of a pipeline where there is none, and changes at an epoch that never comes."""
    found: list[Problem] = []
    schedule = scenario.schedule
    if schedule.mode == "sequential" and "schedule.mode" not in scenario.sweep:
        for key in ("interval", "arrivals", "stash", "on_miss", "max_in_flight"):
            if getattr(schedule, key) != Schedule.model_fields[key].default:
                text = ' speaks of a pipeline; accepted: mode = "pipelined", or no such key'
                found.append((("schedule", key), text))
    epochs = scenario.training.epochs
    for i, change in enumerate(schedule.change):
        if change.epoch is not None and change.epoch > epochs:
            text = f" = {change.epoch} never comes; accepted: 1 to {epochs} (training.epochs)"
            found.append((("schedule", "change", i, "epoch"), text))
    return found


def advice(scenario: Scenario) -> list[str]:
    """What is allowed but hardly meant, a sentence each."""
    learning = scenario.learning
    found: list[str] = []
    if "feedback" in learning.model_fields_set and learning.rule in ("bp", "top"):
        found.append(f"learning.feedback is not used by the rule {learning.rule}")
    if learning.learning_rate is not None and learning.rule not in ADAPTIVE:
        found.append(f"learning.learning_rate is not used by the rule {learning.rule}: its C does not learn")
    if learning.rule == "top":
        if any(name.startswith("learning") for name in scenario.channels):
            found.append("channels.learning is not used by the rule top: there are no learning channels")
        if learning.route is not None:
            found.append("learning.route is not used by the rule top: there are no learning channels")
    if scenario.data.name == "digits" and scenario.model.input != (64,):
        found.append(f"digits have 64 values, the model takes {scenario.model}")
    found += _clock_advice(scenario)
    return found


def _clock_advice(scenario: Scenario) -> list[str]:
    found: dict[str, None] = {}
    for name in scenario.channel_names():
        direction, layer = name.split(".")
        channel = scenario.channel(direction, int(layer))  # type: ignore[arg-type]
        key = next((n for n in (name, direction) if n in scenario.channels), name)
        if channel.deadline is not None and channel.deadline < channel.latency:
            deadline, latency = (units.format_duration(t) for t in (channel.deadline, channel.latency))
            found[f"channels.{key}: the deadline ({deadline}) is shorter than the latency ({latency}): nothing will ever arrive"] = None
        if channel.drop is not None and channel.drop.probability == 1:
            found[f"channels.{key}: drop.probability is 1: nothing will ever arrive"] = None
        if channel.queue is not None and channel.bandwidth is None:
            found[f"channels.{key}: without a bandwidth no message ever waits, so the queue has no effect"] = None
    interval = scenario.schedule.interval
    if scenario.schedule.mode == "pipelined" and interval:
        for layer in range(1, scenario.depth + 1):
            busy = sum(scenario.compute_times(layer)) * scenario.training.batch
            if busy > interval:
                found[
                    f"layer {layer} computes {units.format_duration(busy)} a frame, but a frame enters every "
                    f"{units.format_duration(interval)}: it cannot keep up"
                ] = None
    return list(found)


def summary(scenario: Scenario) -> list[tuple[str, str]]:
    """The scenario in words, a (label, text) pair a line."""
    training, learning = scenario.training, scenario.learning
    transfers = list(dict.fromkeys(layer.transfer for layer in scenario.model.chain()))
    rule = learning.rule + ("" if learning.derivative else ", without f'")
    if learning.route is not None:
        rule += f", errors of layers 1.. from layers {', '.join(map(str, scenario.routes()))}"
    rows = [
        ("scenario", scenario.name),
        ("model", f"{scenario.model.name}: {scenario.model}, {', '.join(transfers)}"),
        ("data", scenario.data.name),
        (
            "training",
            f"{training.epochs} epochs of frames of {training.batch}, learning rate {training.learning_rate:g}, "
            f"seed {scenario.seed}",
        ),
        ("rule", rule),
    ]
    for direction in ("forward", "learning"):
        if direction == "learning" and not scenario.routes():
            continue
        rows.append((direction, in_words(scenario.channels.get(direction, Channel()))))
        rows += [
            (name, in_words(channel) + " (other keys as above)")
            for name, channel in scenario.channels.items()
            if name.startswith(f"{direction}.")
        ]
    schedule = scenario.schedule
    text = schedule.mode
    if schedule.mode == "pipelined" and schedule.interval:
        text += f", a frame every {units.format_duration(schedule.interval)} ({schedule.arrivals})"
    if schedule.change:
        text += f", {len(schedule.change)} change" + ("s" if len(schedule.change) > 1 else "")
    rows.append(("schedule", text))
    return rows


def in_words(channel: Channel) -> str:
    """A channel in words, its stages in their order; "ideal" if it does nothing to a message."""
    words = []
    if channel.threshold:
        words.append(f"only |x| > {channel.threshold.value:g}" + (", the rest kept" if channel.threshold.residual else ""))
    if channel.quantize:
        words.append(quantizer_in_words(channel.quantize))
    if channel.noise:
        words.append(f"noise {channel.noise.sigma:g} x {_scale(channel.noise.scale)}")
    if channel.bit_errors:
        words.append(f"bit errors {channel.bit_errors.probability:g}")
    if channel.drop:
        words.append(f"drop {channel.drop.probability:g}" + (" rescaled" if channel.drop.rescale else ""))
    if channel.latency:
        words.append(f"latency {units.format_duration(channel.latency)}")
    if channel.jitter.value:
        words.append(f"{channel.jitter.distribution} jitter {units.format_duration(channel.jitter.value)}")
    if channel.bandwidth is not None:
        words.append(units.format_rate(channel.bandwidth))
    if channel.queue is not None:
        words.append(f"queue of {channel.queue}")
    if channel.link is not None:
        words.append(f"on link {channel.link}")
    if channel.deadline is not None:
        words.append(f"deadline {units.format_duration(channel.deadline)}")
    if channel.encoding != "dense":
        words.append(channel.encoding)
    if channel.header:
        words.append(f"header of {channel.header} bits")
    return ", ".join(words) or "ideal"


def quantizer_in_words(quantize: Quantize) -> str:
    """E.g. "log2, 3 bits of max"."""
    stochastic = ", stochastic" if quantize.rounding == "stochastic" else ""
    plural = "" if quantize.width == 1 else "s"
    return f"{quantize.kind}, {quantize.width} bit{plural} of {_scale(quantize.scale)}{stochastic}"


def _scale(scale: str | float) -> str:
    return scale if isinstance(scale, str) else f"{scale:g}"
