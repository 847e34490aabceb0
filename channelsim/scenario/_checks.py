"""What must hold between the tables of a scenario, and what is hardly meant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress

from channelsim import units
from channelsim.rules import RULES, SYNONYMS, Wiring
from channelsim.scenario._channel import Channel, channel_name, tables_of
from channelsim.scenario._given import misfit
from channelsim.scenario._keys import Keys
from channelsim.scenario._own_steps import step_problems
from channelsim.scenario._per_synapse import synapse_problems
from channelsim.scenario._places import receiver_problems, sample_problems
from channelsim.scenario._rates import layers_of
from channelsim.scenario._sections import Change, Schedule
from channelsim.scenario._table import Path, TableError, nearest, shown

Problem = tuple[Path, str]


def problems(scenario: Keys) -> list[Problem]:
    """What contradicts something else, each with the path of its key."""
    found = _names(scenario) + _links(scenario) + _residuals(scenario) + _lengths(scenario) + _images(scenario)
    found += _loss(scenario) + sample_problems(scenario) + _entropy_codes(scenario) + _shared_decay(scenario)
    swept: tuple[str, ...] = ()
    try:
        swept = scenario.grid().keys
    except TableError as error:
        found += [(("sweep", *path), text) for path, text in error.problems]
    found += _schedule(scenario, swept)
    try:
        found += _rates(scenario) + _given_feedback(scenario) + _paths(scenario) + _ranks(scenario)
        found += receiver_problems(scenario)
        found += synapse_problems(scenario) + step_problems(scenario)
    except TableError as error:  # of the routes
        found += error.problems
    return found


def _names(scenario: Keys) -> list[Problem]:
    """Channels that this network does not have."""
    depth, known = scenario.depth, _known(scenario)
    words = f'"forward", "forward.H" with H from 1 to {depth}'
    if depth > 1:
        words += f', "learning", "learning.H" with H from 1 to {depth - 1}'
    tables: list[tuple[Path, dict[str, Channel]]] = [(("channels",), scenario.channels)]
    for i, change in enumerate(scenario.schedule.change):
        tables.append((("schedule", "change", i, "channels"), change.channels))
    own = [
        ((*path, name, "stage"), " is changed: stages of your own stay as they are; accepted: in [channels]")
        for path, table in tables[1:]
        for name, channel in table.items()
        if channel.stage
    ]
    return own + [
        ((*path, name), f" is no channel of this network{nearest(name, known)}; accepted: {words}")
        for path, table in tables
        for name in table
        if name not in known
    ]


def _links(scenario: Keys) -> list[Problem]:
    """Links that no channel names, and names of links that are not there."""
    found: list[Problem] = []
    named = {channel.link for channel in scenario.channels.values()}
    known = ", ".join(scenario.links) or '"none", as there is no [links.NAME]'
    for name, channel in scenario.channels.items():
        if channel.link is not None and channel.link not in scenario.links:
            near = nearest(channel.link, scenario.links)
            text = f" = {channel.link!r} is not in [links]{near}; accepted: {known}"
            found.append((("channels", name, "link"), text))
    for name in scenario.links:
        if name not in named:
            text = f' is named by no channel; accepted: a link that a channel names (link = "{name}")'
            found.append((("links", name), text))
    shared = [name for name in _known(scenario) if "." in name and _settings(scenario, name).link is not None]
    for i, change in enumerate(scenario.schedule.change):
        for name, channel in change.channels.items():
            changed = [other for other in shared if other == name or other.startswith(f"{name}.")]
            for key in ("bandwidth", "queue"):
                if changed and key in channel.model_fields_set:
                    text = f" is the link's, which {changed[0]} shares; accepted: the other keys of a channel"
                    found.append((("schedule", "change", i, "channels", name, key), text))
    return found


def _merged(scenario: Keys, key: str) -> Iterator[tuple[Path, str, Channel]]:
    """All channels with settings of their own, at the beginning and after each change: the path of the key (or of the
    table where it may be said), the channel's name, and its merged settings."""
    changes = scenario.schedule.change
    for i in range(len(changes) + 1):
        tables = scenario.channels if i == 0 else changes[i - 1].channels
        path: Path = ("channels",) if i == 0 else ("schedule", "change", i - 1, "channels")
        for name in _known(scenario):
            named = [table for table in reversed(tables_of(name)) if table in tables]
            if "." in name and named:
                at = next((table for table in named if key in tables[table].model_fields_set), named[0])
                yield (*path, at, key), name, _settings(scenario, name, changes[:i])


def _residuals(scenario: Keys) -> list[Problem]:
    """Residuals on channels that hold nothing back."""
    found: list[Problem] = []
    for path, name, channel in _merged(scenario, "residual"):
        feeds_back = channel.threshold or channel.quantize or channel.stage or None
        holds = {"threshold": channel.threshold, "error_feedback": feeds_back}
        if channel.residual is not None and holds[channel.residual] is None:
            needed = "a threshold" if channel.residual == "threshold" else "a threshold, quantize or stage"
            text = f" = {channel.residual!r}: {name} has no {needed.removeprefix('a ')}, so nothing is held back; "
            found.append((path, f'{text}accepted: {needed} beside it, or "none"'))
    return list(dict.fromkeys(found))


def _entropy_codes(scenario: Keys) -> list[Problem]:
    """Entropy codes of values that have no words, and on links that would flip their bits."""
    found: list[Problem] = []
    for path, name, channel in _merged(scenario, "encoding"):
        if channel.encoding == "entropy" and channel.quantize is None:
            text = f" = 'entropy': {name} sends floats, which are not counted word by word; "
            found.append((path, text + 'accepted: quantize beside it, or "dense", "aer" or "auto"'))
        elif channel.encoding == "entropy" and channel.bit_errors is not None:
            text = f" = 'entropy': with bit_errors {name} would lose a message from the first wrong bit on; "
            found.append((path, text + 'accepted: no bit_errors, or "dense", "aer" or "auto"'))
    return list(dict.fromkeys(found))


def _settings(scenario: Keys, name: str, changes: Sequence[Change] = ()) -> Channel:
    """The merged settings of one channel, e.g. "learning.2"."""
    return scenario.settings(name, changes)


def _known(scenario: Keys) -> list[str]:
    """All names that a table of [channels] may have."""
    depth = scenario.depth
    known = ["forward", *(channel_name("forward", h) for h in range(1, depth + 1))]
    known += ["learning", *(channel_name("learning", h) for h in range(1, depth))] if depth > 1 else []
    with suppress(TableError):  # of the routes, which is told by itself
        known += [table for name in scenario.ends() for table in tables_of(name)]
    return list(dict.fromkeys(known))


def _lengths(scenario: Keys) -> list[Problem]:
    """Lists that must have an entry for each layer."""
    found: list[Problem] = []
    for key in ("forward", "learning"):
        times = getattr(scenario.compute, key)
        if len(times) not in (1, scenario.depth):
            text = f" has {len(times)} entries; accepted: one duration, or {scenario.depth}, one a layer"
            found.append((("compute", key), text))
    return found


def _shared_decay(scenario: Keys) -> list[Problem]:
    """Rules that are what they are called only if W and C decay, and alike."""
    learning, decay = scenario.learning, scenario.training.weight_decay
    if learning.called is None or not SYNONYMS[learning.called].decays:
        return []
    called, same = learning.called, SYNONYMS[learning.called].rule
    if not decay:
        text = (
            f" = 0: {called} forgets what W and C had before; accepted: a number above 0, or learning.rule = {same!r}"
        )
        return [(("training", "weight_decay"), text)]
    found: list[Problem] = []
    if learning.weight_decay not in (None, decay):
        text = f" = {learning.weight_decay:g}: with {called} C decays as W does; accepted: {decay:g}, or {same}"
        found.append((("learning", "weight_decay"), text))
    if learning.learning_rate is not None:
        text = f": with {called} C learns at the rate of W; accepted: no such key, or {same}"
        found.append((("learning", "learning_rate"), text))
    return found


def _rates(scenario: Keys) -> list[Problem]:
    """Rates of layers that have nothing to learn at them."""
    layers, routes = scenario.model.chain(), scenario.routes()
    learners = [h for h, layer in enumerate(layers, start=1) if layer.synapses]
    known = {"training": (learners, "has no synapses"), "learning": (list(routes), "receives no error")}
    found: list[Problem] = []
    for table, (numbers, lack) in known.items():
        accepted = ", ".join(["default", *map(str, numbers)])
        for h in layers_of(getattr(scenario, table).learning_rate):
            if h not in numbers:
                why = f"layer {h} {lack}" if h <= len(layers) else f"this network has {len(layers)} layers"
                found.append(((table, "learning_rate", str(h)), f": {why}; accepted: {accepted}"))
    return found


def _given_feedback(scenario: Keys) -> list[Problem]:
    """C that is given where there is none, or where it is no matrix from one layer's units to another's."""
    learning, layers, shapes = scenario.learning, scenario.model.chain(), scenario.model.shapes()
    feedback, rule, routes = learning.feedback, learning.row, scenario.routes()
    found: list[Problem] = []
    if feedback.given and (not rule.has_feedback or rule.wiring == Wiring.SIGN):
        why = "has no C" if not rule.has_feedback else "has magnitudes with the signs of W"
        key, rules = "C" if feedback.C else "from", [name for name, r in RULES.items() if r.wiring == Wiring.DENSE]
        text = f" is given, but the rule {learning.rule_name} {why}; accepted: a rule whose C is a matrix"
        return [(("learning", "feedback", key), f"{text} ({', '.join(rules)})")]
    for written, matrix in feedback.C.items():
        place: Path = ("learning", "feedback", "C", written)
        h = int(written) if written.isdecimal() else 0
        sources = routes.get(h)
        if sources is None:
            found.append((place, f": no layer that receives errors; accepted: {', '.join(map(str, routes)) or 'none'}"))
            continue
        if len(sources) > 1:
            above = ", ".join(map(str, sources))
            text = (
                f": layer {h} receives errors from layers {above}, each through a C of its own; accepted: one of them"
            )
            found.append((place, text))
            continue
        (source,) = sources
        sender, adjacent = layers[source - 1], source == h + 1
        if adjacent and sender.kind != "dense":
            what = "a bank of kernels" if sender.synapses else "its own transpose"
            text = f": layer {source}, a {sender.kind}, sends errors to layer {h} through {what}"
            found.append((place, f"{text}; accepted: C of layers that receive through a matrix"))
        elif feedback.connections is not None:
            found.append((place, ": with learning.feedback.connections C is a list of wires; accepted: one of them"))
        elif text := misfit(
            matrix, (math.prod(shapes[source]), math.prod(shapes[h])), f"unit of layer {source}", f"unit of layer {h}"
        ):
            found.append((place, text))
    return found


def _paths(scenario: Keys) -> list[Problem]:
    """Skipped layers whose transposed W is no matrix."""
    if scenario.learning.row.wiring != Wiring.PRODUCT:
        return []
    layers = scenario.model.chain()
    for _, source, target in scenario.ends().values():
        for h in range(source, target, -1) if source > target + 1 else ():
            if layers[h - 1].kind != "dense":
                text = (
                    f" = {scenario.learning.rule_name!r}: errors from layer {source} to layer {target} pass layer {h}, "
                    f"a {layers[h - 1].kind}, which has no matrix to transpose; accepted: dense layers above the first "
                    "layer that learns, or another rule"
                )
                return [(("learning", "rule"), text)]
    return []


def _ranks(scenario: Keys) -> list[Problem]:
    """C of a rank that is a bank of kernels, or that is sent by fewer units."""
    layers, rank = scenario.model.chain(), scenario.learning.feedback.rank
    if rank is None:
        return []
    for direction, source, target in scenario.ends().values():
        units_there = math.prod(scenario.model.shapes()[source])
        if direction == "learning" and rank > units_there:
            text = f" = {rank}: layer {source} has {units_there} units to send of; accepted: 1 to {units_there}"
            return [(("learning", "feedback", "rank"), text)]
        if direction == "learning" and source == target + 1 and layers[source - 1].kind == "conv2d":
            text = (
                f" = {rank}: C from layer {source}, a convolution, to layer {target} is a bank of kernels; accepted: "
            )
            return [(("learning", "feedback", "rank"), f'{text}"none", or routes on which each C is a matrix')]
    return []


def _images(scenario: Keys) -> list[Problem]:
    """Flips and shifts of samples that are no images."""
    shape = scenario.model.input
    keys = (("flip", scenario.data.flip, "false"), ("shift", scenario.data.shift, "0"))
    text = f"the model's input, {list(shape)}, is no image; accepted: a model with input = [channels, height, width]"
    return [
        (("data", key), f" = {shown(value)}: {text}, or {unused}")
        for key, value, unused in keys
        if value and len(shape) != 3
    ]


def _loss(scenario: Keys) -> list[Problem]:
    """A loss that is not the top layer's, and targets that would not be moved with their images."""
    found: list[Problem] = []
    loss, top = scenario.training.loss, scenario.model.chain()[-1].nonlinearity
    key = ("training", "loss")
    if loss == "squared" and top == "softmax":
        text = (
            " = 'squared', but the top layer is a softmax, whose error T - O is not the gradient of a squared error: "
            'its units depend on each other; accepted: "cross-entropy", or a top with transfer = "linear", "tanh", '
            '"logistic" or "relu"'
        )
        found.append((key, text))
    if loss == "cross-entropy" and top != "softmax":
        text = (
            f" = 'cross-entropy', but the top layer is {top}, whose outputs are no distribution over classes; "
            'accepted: "squared", or a top with transfer = "softmax"'
        )
        found.append((key, text))
    data = scenario.data
    if data.target == "input":
        for name, value, unused in (("flip", data.flip, "false"), ("shift", data.shift, "0")):
            if value:
                text = f' = {shown(value)}: target = "input" is the image as it is in the data set; accepted: {unused}'
                found.append((("data", name), text))
    return found


def _schedule(scenario: Keys, swept: Sequence[str]) -> list[Problem]:
    """Keys of a pipeline where there is none, unless the mode is swept, and changes at an epoch that never comes."""
    found: list[Problem] = []
    schedule = scenario.schedule
    if schedule.mode == "sequential" and "schedule.mode" not in swept:
        for key in ("interval", "arrivals", "stash", "on_miss", "max_in_flight"):
            if getattr(schedule, key) != Schedule.model_fields[key].default:
                text = ' is a key of a pipeline; accepted: mode = "pipelined", or no such key'
                found.append((("schedule", key), text))
    epochs = scenario.training.epochs
    for i, change in enumerate(schedule.change):
        if change.epoch is not None and change.epoch > epochs:
            text = f" = {change.epoch} never comes; accepted: 1 to {epochs} (training.epochs)"
            found.append((("schedule", "change", i, "epoch"), text))
    return found


def advice(scenario: Keys, samples: int | None = None) -> list[str]:
    """What is allowed but hardly meant, a sentence each; samples: of the training set, None where that is not known."""
    learning = scenario.learning
    rule = learning.row
    found: list[str] = []
    if learning.called is not None:
        synonym = SYNONYMS[learning.called]
        keys = "".join(f' with learning.feedback.{key} = "{value}"' for key, value in synonym.feedback.items())
        found.append(f"learning.rule {learning.called} ({synonym.meaning}) is called {synonym.rule} here{keys}")
    if "feedback" in learning.model_fields_set and not rule.has_feedback:
        found.append(f"learning.feedback is not used by the rule {learning.rule_name}")
    if learning.feedback.congruent and learning.rule == "sign":
        found.append("learning.feedback.congruent is not used by the rule sign: its C has the signs of W at all times")
    if learning.learning_rate is not None and not rule.adaptive:
        found.append(f"learning.learning_rate is not used by the rule {learning.rule_name}: its C does not learn")
    if learning.weight_decay is not None and not rule.adaptive:
        found.append(f"learning.weight_decay is not used by the rule {learning.rule_name}: its C does not learn")
    rates = [scenario.training.rate(h) for h, layer in enumerate(scenario.model.chain(), start=1) if layer.synapses]
    if not any(rates):
        found.append("training.learning_rate is 0 for every layer: no weight changes")
    if rule.route is None:
        unused = f"is not used by the rule {learning.rule_name}: there are no learning channels"
        if any(name.startswith("learning") for name in scenario.channels):
            found.append(f"channels.learning {unused}")
        if learning.route is not None:
            found.append(f"learning.route {unused}")
    found += _unused_channel_advice(scenario) + _clock_advice(scenario, samples)
    return found


def _unused_channel_advice(scenario: Keys) -> list[str]:
    """Settings of learning channels to layers that receive no error signal."""
    if scenario.learning.row.route is None:
        return []
    names = {table for name in scenario.channel_names for table in tables_of(name)}
    return [
        f'channels."{name}" is not used: layer {name.split(".")[1]} has no synapses, and passes no error on'
        for name in scenario.channels
        if name.startswith("learning.") and name not in names
    ]


def _clock_advice(scenario: Keys, samples: int | None) -> list[str]:
    found: list[str] = []
    changes = scenario.schedule.change
    routes, senders = scenario.routes(), [math.prod(shape) for shape in scenario.model.shapes()]
    batch = scenario.training.frame_size(samples or 1)
    rank = scenario.learning.feedback.rank
    for name, (direction, source, target) in scenario.ends().items():
        quantize = _settings(scenario, name).quantize
        at_receiver = quantize is not None and quantize.at == "receiver"
        n = rank if rank is not None and direction == "learning" else senders[target if at_receiver else source]
        key = next((table for table in reversed(tables_of(name)) if table in scenario.channels), direction)
        found += _channel_advice(_settings(scenario, name), f"channels.{key}", n, batch)
        for i, change in enumerate(changes):
            changed = [table for table in reversed(tables_of(name)) if table in change.channels]
            if changed:
                path = f"schedule.change[{i}].channels.{changed[0]}"
                found += _channel_advice(_settings(scenario, name, changes[: i + 1]), path, n, batch)
    found += _shared_queue_advice(scenario, batch)
    interval = scenario.schedule.interval
    if scenario.schedule.mode == "pipelined" and interval:
        for h in range(1, scenario.depth + 1):
            forward, learning = scenario.compute_times(h)
            learns = h in routes or h == scenario.depth
            busy = (forward + (learning if learns else 0)) * batch
            if busy > interval:
                found.append(
                    f"layer {h} computes {units.format_duration(busy)} a frame, but a frame enters every "
                    f"{units.format_duration(interval)}: it cannot keep up"
                )
    return list(dict.fromkeys(found))


def _shared_queue_advice(scenario: Keys, batch: int) -> list[str]:
    """Shared links whose queue cannot hold what one layer hands over at once, on all of its channels there."""
    at_once: dict[tuple[str, str, int], int] = {}  # (link, direction, source) -> channels
    for name, (direction, source, _) in scenario.ends().items():
        link = _settings(scenario, name).link
        if link is not None:
            key = link, direction, source
            at_once[key] = 1 if scenario.links[link].broadcast else at_once.get(key, 0) + 1
    most: dict[str, tuple[int, int]] = {}  # link -> (channels, their source)
    for (link, _, source), channels in at_once.items():
        most[link] = max(most.get(link, (0, 0)), (channels, source))
    found: list[str] = []
    for link, (channels, source) in most.items():
        queue = scenario.links[link].queue
        if queue is not None:
            found += _queue_advice(f"links.{link}", queue, batch, channels, f"layer {source}")
    return found


def _queue_advice(key: str, queue: int, batch: int, channels: int = 1, layer: str = "a layer") -> list[str]:
    """That a queue cannot hold the messages of one frame, which `layer` hands over together on so many channels."""
    messages = channels * batch
    lost = messages - (queue + 1)  # one is sent, the others wait
    if lost <= 0:
        return []
    on = f" on {channels} channels" if channels > 1 else ""
    fits = (queue + 1) // channels
    remedy = f"it takes a queue of {messages - 1}" + (f", or a training.batch of at most {fits}" if fits else "")
    return [
        f"{key}: {layer} hands over a frame's {messages} messages{on} at once, of which the link sends one and queues "
        f"{queue}: the rest ({lost} of {messages}) is lost in every frame; {remedy}"
    ]


def _channel_advice(channel: Channel, key: str, senders: int, batch: int) -> list[str]:
    """What is hardly meant in the settings of one channel with so many sending units and messages a frame."""
    found: list[str] = []
    if channel.deadline is not None and channel.deadline < channel.latency:
        deadline, latency = (units.format_duration(t) for t in (channel.deadline, channel.latency))
        found.append(
            f"{key}: the deadline ({deadline}) is shorter than the latency ({latency}): nothing will ever arrive; "
            f"it takes a deadline above {latency}"
        )
    if channel.drop is not None and channel.drop.probability == 1:
        found.append(f"{key}: drop.probability is 1: nothing will ever arrive")
    if channel.queue is not None and channel.bandwidth is None:
        found.append(f"{key}: without a bandwidth no message waits, so the queue has no effect")
    if channel.queue is not None and channel.bandwidth is not None:
        found += _queue_advice(key, channel.queue, batch)
    if channel.encoding in ("aer", "auto") and senders == 1 and channel.header == 0:
        found.append(
            f"{key}: with encoding {channel.encoding} the address of a layer's only neuron has 0 bits, and a message "
            "in which it is silent has none at all; a header pays for saying so, or encoding dense does"
        )
    return found
