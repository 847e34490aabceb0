"""A scenario and its channels in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from channelsim import units
from channelsim.scenario._channel import Channel, LowPrecision
from channelsim.scenario._keys import Keys
from channelsim.scenario._own import Own
from channelsim.scenario._rates import DEFAULT, layers_of, rate_of
from channelsim.scenario._sections import RATE, Data


def summary(scenario: Keys) -> list[tuple[str, str]]:
    """The scenario in words, a (label, text) pair a line."""
    training, learning = scenario.training, scenario.learning
    transfers = list(dict.fromkeys(layer.transfer_in_words for layer in scenario.model.chain() if layer.synapses))
    rule = learning.rule_name + ("" if learning.has_derivative else ", without f'")
    if learning.route is not None:
        routes = scenario.routes()
        above = ("+".join(map(str, sources)) for sources in routes.values())
        rule += f", errors of layers {_listed(routes)} from layers {_listed(above)}"
    rows = [
        ("scenario", scenario.name),
        ("model", f"{scenario.model.name}: {scenario.model}, {', '.join(transfers)}"),
        ("data", _data(scenario.data)),
        (
            "training",
            f"{training.epochs} epochs of frames of {'all samples' if training.batch == 'all' else training.batch}, "
            f"learning rate {_rates(training.learning_rate)}, seed {scenario.seed}"
            + (f", weight decay {training.weight_decay:g}" if training.weight_decay else "")
            + (f", loss {training.own_loss.label}" if training.own_loss else ""),
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
    for table, what in ((scenario.model.weights, "weights"), (learning.feedback, "feedback")):
        if table.file is not None:
            rows.append((what, table.file + ("" if table.epoch is None else f", epoch {table.epoch}")))
    if scenario.metrics:
        rows.append(("metrics", ", ".join(f"{name} ({_used(own)})" for name, own in scenario.metrics.items())))
    schedule = scenario.schedule
    text: str = schedule.mode
    if schedule.mode == "pipelined" and schedule.interval:
        text += f", a frame every {units.format_duration(schedule.interval)} ({schedule.arrivals})"
    if schedule.change:
        text += f", {len(schedule.change)} change" + ("s" if len(schedule.change) > 1 else "")
    rows.append(("schedule", text))
    return rows


def _rates(rates: float | Mapping[str, float]) -> str:
    """E.g. "0.1", or "0.1 (layer 2: 0)"."""
    if not isinstance(rates, Mapping):
        return f"{rates:g}"
    own = ", ".join(f"layer {layer}: {rate_of(rates, layer, RATE):g}" for layer in sorted(layers_of(rates)))
    return f"{rates.get(DEFAULT, RATE):g}" + (f" ({own})" if own else "")


def _data(data: Data) -> str:
    words = [data.called] if data.train_x is None else [f"{len(data.train_x)} samples in the scenario"]
    words += {"auto": [], "input": ["the input is the target"]}.get(data.target, [f"targets are {data.target}"])
    words += [] if data.scale == "auto" else ["not scaled" if data.scale == "none" else f"divided by {data.scale:g}"]
    words += ["normalized"] if data.normalize else []
    words += ["mirrored at random"] if data.flip else []
    words += [f"shifted by up to {data.shift} pixel" + ("s" if data.shift > 1 else "")] if data.shift else []
    return ", ".join(words)


def _used(own: Own) -> str:
    """E.g. "mine.py:saturate"."""
    return own.use.rpartition("/")[2]


def _listed(numbers: Iterable[int | str]) -> str:
    return ", ".join(map(str, numbers))


def in_words(channel: Channel) -> str:
    """A channel in words, its stages in their order; "ideal" if it does nothing to a message."""
    words = []
    if channel.threshold:
        kept = ", the rest kept" if channel.residual == "threshold" else ""
        words.append(f"only |x| > {channel.threshold.value:g}{kept}")
    if channel.quantize:
        place = " at the receiver" if channel.quantize.at == "receiver" else ""
        words.append(quantizer_in_words(channel.quantize) + place)
    if channel.residual == "error_feedback":
        words.append("error feedback")
    if channel.noise:
        words.append(f"noise {channel.noise.sigma:g} x {_scale(channel.noise.scale)}")
    if channel.bit_errors:
        words.append(f"bit errors {channel.bit_errors.probability:g}")
    if channel.drop:
        words.append(f"drop {channel.drop.probability:g}" + (" rescaled" if channel.drop.rescale else ""))
    words += [f"stage {own.label}" for own in channel.stage]
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


def quantizer_in_words(quantize: LowPrecision) -> str:
    """E.g. "log2, 3 bits (4 exponents) of max"."""
    stochastic = ", stochastic" if quantize.rounding == "stochastic" else ""
    plural = "" if quantize.width == 1 else "s"
    exponents = f" ({quantize.levels} exponent{'s' * (quantize.levels > 1)})" if quantize.kind == "log2" else ""
    return f"{quantize.kind}, {quantize.width} bit{plural}{exponents} of {_scale(quantize.scale)}{stochastic}"


def _scale(scale: str | float) -> str:
    return scale if isinstance(scale, str) else f"{scale:g}"
