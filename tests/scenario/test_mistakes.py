"""Every mistake is one line with the key and what would be accepted."""

from __future__ import annotations

from typing import Any

import pytest

from channelsim.errors import InputError
from channelsim.scenario import Channel, Dense, Model, Quantize, Scenario, Weights
from tests.scenario.documents import Document, small

AT_RECEIVER = {"kind": "sign", "at": "receiver"}
LEARNING = {"channels": {"learning": {}}}


def channel(**keys: Any) -> Document:
    return {"channels": {"learning": keys}}


def per_synapse(rule: str, **keys: Any) -> Document:
    return {"learning": {"rule": rule, "feedback": {"per": "synapse", **keys}}}


def change(**keys: Any) -> Document:
    return {"schedule": {"change": [keys]}}


MISTAKES: list[tuple[Document, str]] = [
    # unknown keys
    (
        {"training": {"epoch": 3}},
        "training.epoch is unknown (did you mean epochs?); accepted here: epochs, batch,",
    ),
    ({"trainig": {}}, "trainig is unknown (did you mean training?); accepted here: name, model, seed,"),
    (channel(laytency=0), "channels.learning.laytency is unknown (did you mean latency?)"),
    (
        {"channels": {"learning": {"2": {}}}},
        'channels.learning.2 is unknown; accepted: a quoted name, [channels."learning.2"]',
    ),
    (
        {"channels": {"lerning": {}}},
        "channels.lerning is no channel of this network (did you mean learning?)",
    ),
    ({"channels": {"forward.9": {}}}, 'channels."forward.9" is no channel of this network'),
    ({"channels": {"forward.0": {}}}, '"forward.H" with H from 1 to 3'),
    ({"channels": {"learning.3": {}}}, '"learning.H" with H from 1 to 2'),
    (change(epoch=1, channels={"learning.3": {}}), 'schedule.change[0].channels."learning.3" is no channel'),
    (channel(threshold={"value": 0.1, "residual": True}), "channels.learning.threshold.residual is unknown"),
    # types and values
    (channel(residual=True), 'channels.learning.residual = true; accepted: "threshold", "error_feedback"'),
    ({"training": {"epochs": 0}}, "training.epochs = 0; accepted: an integer of at least 1"),
    ({"training": {"epochs": 1.0}}, "training.epochs = 1.0; accepted: an integer"),
    ({"training": {"epochs": True}}, "training.epochs = true; accepted: an integer"),
    ({"training": {"epochs": 2**31}}, "an integer of at least 1 and below 2147483648"),
    ({"training": {"learning_rate": 0}}, "training.learning_rate = 0; accepted: a number above 0"),
    (
        {"training": {"learning_rate": float("nan")}},
        "training.learning_rate = nan; accepted: a number above 0",
    ),
    (
        {"training": {"learning_rate_decay": 1}},
        "training.learning_rate_decay.per_update = 1; accepted: a number of at least 0 and below 1",
    ),
    (
        {"training": {"learning_rate_decay": {"per_update": 0.1, "form": "step"}}},
        'learning_rate_decay.form = \'step\'; accepted: "factor", "linear", "inverse"',
    ),
    (
        {"training": {"decay": 1e-6}},
        "training.decay is unknown: rates have learning_rate_decay, weights weight_decay; accepted: one of these keys",
    ),
    ({"training": {"weight_decay": -1}}, "training.weight_decay = -1; accepted: a number of at least 0"),
    (
        {"training": {"momentum": 0.9}, "synapses": {"update": {"kind": "sign", "per": "sample"}}},
        "synapses.update.per = 'sample': a step with momentum is that of many frames; accepted: \"batch\", or "
        "training.momentum = 0",
    ),
    (
        {"training": {"weight_decay": 0.1}, "synapses": {"update": {"kind": "sign", "per": "sample"}}},
        "synapses.update.per = 'sample': weights decay once in a frame, and not with each sample; accepted: ",
    ),
    (
        {"synapses": {"update": {"kind": "abs", "scale": 0.5}}},
        "synapses.update.scale = 0.5: abs changes nothing but signs; accepted: no key",
    ),
    ({"synapses": {"update": {"kind": "abs", "bits": 3}}}, "update.bits = 3: abs always has 31; accepted: no key"),
    ({"synapses": {"weight": {"kind": "abs"}}}, "synapses.weight.kind = 'abs'"),
    ({"training": {"shuffle": 1}}, "training.shuffle = 1; accepted: true or false"),
    ({"training": 3}, "training = 3; accepted: a table of epochs, batch"),
    ({"seed": 2**63}, "seed = 9223372036854775808; accepted"),
    ({"name": "a/b"}, "name = 'a/b'; accepted: letters"),
    ({"name": ""}, "name = ''; accepted: letters"),
    ({"data": {}}, 'data.name is missing; accepted: "digits", "mnist"'),
    ({"data": {"name": "minst"}}, "data.name = 'minst': no such data set (did you mean mnist?)"),
    ({"learning": {"rule": "srpb"}}, 'learning.rule = \'srpb\' (did you mean srbp?); accepted: "bp", "sbp", "rbp"'),
    (
        {"learning": {"feedback": {"scale": -1}}},
        'feedback.scale = -1; accepted: "glorot", "he" or a number above 0',
    ),
    ({"learning": {"feedback": {"scale": 1e300}}}, "or a number above 0 and below 1e+38"),
    ({"trace": {"events": "some"}}, 'trace.events = \'some\'; accepted: "none", "first N frames", or tables {'),
    ({"trace": {"weights": "every 0 epochs"}}, 'accepted: "none", "last", "epoch" or "every N epochs"'),
    ({"energy": {"mac": "3 W"}}, "energy.mac = '3 W': 'W' is the wrong kind of unit; accepted: an energy"),
    # rules and their C
    (
        {"learning": {"rule": "bp", "feedback": {"copies": 3}}},
        "learning.feedback.copies = 3: bp sends errors back through W, which is one: copies of it would all be the "
        "same; accepted: 1, or a rule whose C are drawn (rbp, srbp, ",
    ),
    ({"learning": {"rule": "sbp", "feedback": {"copies": 2}}}, "copies = 2: sbp sends errors back through W"),
    ({"learning": {"rule": "top", "feedback": {"copies": 2}}}, "copies = 2: top has no learning channels"),
    ({"learning": {"rule": "rbp", "feedback": {"copies": 0}}}, "copies = 0; accepted: an integer of at least 1"),
    (
        {"learning": {"rule": "arbp", "feedback": {"redraw": "frame"}}},
        'redraw = "frame": arbp learns its C, of which nothing would be left; accepted: "none"',
    ),
    ({"learning": {"rule": "rbp", "feedback": {"redraw": "frame", "bits": 2}}}, 'redraw = "frame": with bits C has'),
    (
        {"learning": {"rule": "rbp", "feedback": {"redraw": "frame", "congruent": True}}},
        'redraw = "frame": with congruent C has the signs of the initial weights, once, at the start',
    ),
    (
        {"learning": {"rule": "rbp", "feedback": {"redraw": "frame", "distribution": "orthogonal"}}},
        'redraw = "frame": an orthogonal C is made of all of its draws together; accepted: another distribution',
    ),
    ({"learning": {"rule": "rbp", "feedback": {"redraw": "epoch"}}}, "redraw = 'epoch'; accepted: \"frame\""),
    ({"learning": {"rule": "sign", "feedback": {"rank": 2}}}, "rank = 2: the C of sign is not drawn as a product"),
    (
        {"learning": {"rule": "rbp", "feedback": {"rank": 2, "connections": 3}}},
        "rank is given beside connections, but C",
    ),
    ({"learning": {"rule": "rbp", "feedback": {"rank": 2, "mean": 0.1}}}, "rank is given beside mean, but C = P Q"),
    ({"learning": {"rule": "srbp", "feedback": {"rank": 99}}}, "rank = 99: layer 3 has "),
    (
        {"learning": {"rule": "usf", "feedback": {"distribution": "normal"}}},
        "learning.feedback.distribution = 'normal': usf is sign with distribution = \"sign\"; accepted: no key, or",
    ),
    (
        {"learning": {"rule": "bp", "route": "cascade"}},
        "route skips layers, but bp sends errors back through the weights",
    ),
    ({"learning": {"rule": "drtp", "route": "cascade"}}, "route is not from the top, but drtp sends the target"),
    (
        {"learning": {"rule": "rbp", "route": ["from 2, 2", "layered"]}},
        '"from N" or "from N, M" with different N, M from 2 to 3',
    ),
    ({"learning": {"rule": "rbp", "route": ["from 1, 2", "layered"]}}, "route[0] = 'from 1, 2'; accepted: \"layered\""),
    (
        {"learning": {"rule": "rbp", "route": "cascade"}, "channels": {"learning.1.from.1": {}}},
        'channels."learning.1.from.1" is no channel of this network (did you mean learning.1.from.',
    ),
    # quantities
    (channel(latency=20), 'latency = 20: a number without a unit; accepted: a duration such as "20 us"'),
    (
        channel(latency="20 kg"),
        "latency = '20 kg': 'kg' is not a unit that is known here; accepted: a duration",
    ),
    (channel(latency="20 bit"), "latency = '20 bit': 'bit' is the wrong kind of unit; accepted: a duration"),
    (channel(deadline="-1 us"), "deadline = '-1 us': a negative duration"),
    (channel(bandwidth="0.5 bit/s"), "bandwidth = '0.5 bit/s': slower than 1 bit/s, which"),
    (
        channel(bandwidth="0 bit/s"),
        "bandwidth = '0 bit/s': not above 0 and finite; accepted: a bit rate above 0",
    ),
    (channel(bandwidth=0), "bandwidth = 0: a number without a unit; accepted: a bit rate above 0"),
    (channel(jitter="1 m"), "jitter.value = '1 m': "),
    ({"compute": {"forward": ["1 us", "2 kg", 0]}}, "compute.forward[1] = '2 kg': "),
    (
        {"compute": {"forward": ["1 us", "2 us"]}},
        "compute.forward has 2 entries; accepted: one duration, or 3",
    ),
    # channels
    (channel(drop={"probability": 1.1}), "drop.probability = 1.1; accepted: a number from 0 to 1"),
    (channel(drop={"probability": 1, "rescale": True}), "drop.rescale = true: with probability = 1"),
    (channel(drop=0.1), 'drop = 0.1; accepted: a table of probability, rescale or "none"'),
    (
        channel(quantize={"kind": "log2"}),
        "quantize.bits is missing; accepted for log2: an integer from 1 to 6, or exponents = 1 to 32",
    ),
    (channel(quantize={"kind": "log2", "bits": 7}), "bits = 7; accepted for log2: an integer from 1 to 6"),
    (
        channel(quantize={"kind": "log2", "bits": 1, "silence": True}),
        "bits = 1; accepted for log2: an integer from 2 to 6",
    ),
    (channel(quantize={"kind": "log2", "exponents": 33}), "exponents = 33; accepted: an integer from 1 to 32"),
    (channel(quantize={"kind": "log2", "bits": 3, "exponents": 4}), "exponents = 4 beside bits = 3; accepted: one of"),
    (
        channel(quantize={"kind": "uniform", "bits": 3, "exponents": 4}),
        "exponents = 4: only log2 has it; accepted for uniform: no key",
    ),
    (
        channel(quantize={"kind": "sign", "silence": True}),
        "silence = true: only log2 has it; accepted for sign: no key",
    ),
    (channel(quantize={"kind": "log2", "bits": 17}), "quantize.bits = 17; accepted: an integer from 1 to 16"),
    (
        channel(quantize={"kind": "uniform", "bits": 1}),
        "bits = 1; accepted for uniform: an integer from 2 to 16",
    ),
    (channel(quantize={"kind": "sign", "bits": 1}), "bits = 1: sign always has 1; accepted: no key"),
    (channel(quantize={"kind": "ternary", "bits": 2}), "bits = 2: ternary always has 2; accepted: no key"),
    (channel(quantize={"kind": "sign", "rounding": "stochastic"}), "rounding = 'stochastic': only uniform"),
    (channel(quantize={"kind": "log3", "bits": 2}), "kind = 'log3' (did you mean log2?)"),
    (channel(quantize={"kind": "sign", "scale": 0}), 'scale = 0; accepted: "max", "rms" or a number above 0'),
    (channel(quantize={"kind": "sign", "at": "link"}), 'quantize.at = \'link\'; accepted: "sender", "receiver"'),
    (
        {"channels": {"forward.2": {"quantize": AT_RECEIVER}}},
        "channels.\"forward.2\".quantize.at = 'receiver': forward.2 carries activities, which W has yet to pass; "
        'accepted: "sender", or a learning channel',
    ),
    (
        {**channel(quantize=AT_RECEIVER), "learning": {"rule": "arbp"}},
        "channels.learning.quantize.at = 'receiver': C of learning.2 learns from the values of layer 3, which then do "
        'not arrive; accepted: "sender", or a rule whose C is fixed',
    ),
    (
        {
            **channel(quantize=AT_RECEIVER, link="bus"),
            "links": {"bus": {"bandwidth": "1 bit/s", "broadcast": True}},
        },
        "quantize.at = 'receiver': each layer on the broadcast link bus would be sent values of its own; accepted: ",
    ),
    (
        {**channel(quantize=AT_RECEIVER), **change(epoch=1, channels={"learning.1": {"quantize": {"kind": "sign"}}})},
        'schedule.change[0].channels."learning.1".quantize would change what learning.1 carries during the run; '
        "accepted: a quantizer at = 'receiver'",
    ),
    (
        change(epoch=1, channels={"learning": {"quantize": AT_RECEIVER}}),
        "quantize would change what learning.2 carries during the run; accepted: a quantizer at = 'sender'",
    ),
    (channel(encoding="aes"), 'encoding = \'aes\' (did you mean aer?); accepted: "dense", "aer", "auto", "entropy"'),
    (
        channel(encoding="entropy"),
        "channels.learning.encoding = 'entropy': learning.1 sends floats, which are not counted word by word; "
        'accepted: quantize beside it, or "dense", "aer" or "auto"',
    ),
    (
        channel(encoding="entropy", quantize={"kind": "sign"}, bit_errors={"probability": 0.1}),
        "channels.learning.encoding = 'entropy': with bit_errors learning.1 would lose a message from the first wrong",
    ),
    (channel(link="bus"), "channels.learning.link = 'bus' is not in [links]; accepted: \"none\""),
    (
        {**channel(link="bos"), "links": {"bus": {"bandwidth": "1 bit/s"}}},
        "link = 'bos' is not in [links] (did you mean bus?); accepted: bus",
    ),
    (
        {**channel(link="bus", queue=3), "links": {"bus": {"bandwidth": "1 bit/s"}}},
        "channels.learning.queue is given beside link = 'bus'; accepted: queue in [links.bus]",
    ),
    ({"links": {"bus": {"bandwidth": "1 bit/s"}}}, "links.bus is named by no channel; accepted: a link that"),
    ({"links": {"bus": {}}}, "links.bus.bandwidth is missing; accepted: a bit rate"),
    # a feedback weight for each synapse
    (
        per_synapse("bp"),
        "learning.feedback.per = 'synapse': the rule bp has no fixed random C; accepted: "
        '"neuron", or a rule of rbp, srbp, drtp',
    ),
    (
        per_synapse("rbp"),
        "per = 'synapse': layer 2 has an error for each synapse, and none that it could send on to layer 1; accepted: "
        '"neuron", or learning.route = "skipped"',
    ),
    (
        per_synapse("srbp", connections=3),
        "learning.feedback.connections is about a C from neurons to neurons; accepted: ",
    ),
    (
        {**per_synapse("srbp"), "trace": {"alignment": "epoch"}},
        'trace.alignment compares errors of neurons; accepted: "neuron", or trace.alignment = "none"',
    ),
    (
        {**per_synapse("srbp"), "synapses": {"update": {"kind": "sign", "per": "sample"}}},
        'synapses.update has per = "sample"; accepted: "neuron", or synapses.update.per = "batch"',
    ),
    (
        {**per_synapse("srbp"), **channel(quantize=AT_RECEIVER)},
        'learning.2 is quantized at the receiver, neuron by neuron; accepted: "neuron", or at = "sender"',
    ),
    # rules and routes
    ({"learning": {"route": "skiped"}}, "learning.route = 'skiped' (did you mean skipped?)"),
    (
        {"learning": {"rule": "rbp", "route": ["layered"]}},
        "learning.route names 1 layers; accepted: 2, one entry for each",
    ),
    (
        {"learning": {"rule": "rbp", "route": ["layered", "from 2"]}},
        'learning.route[1] = \'from 2\'; accepted: "layered", "skipped", "cascade", "from N"',
    ),
    (
        {"learning": {"rule": "bp", "route": "skipped"}},
        "learning.route skips layers, but bp sends errors back",
    ),
    ({"learning": {"rule": "drtp", "route": "layered"}}, "learning.route is not from the top, but drtp"),
    (
        {"learning": {"rule": "rbp", "feedback": {"distribution": "orthogonal", "connections": 3}}},
        "learning.feedback.connections is given, but an orthogonal C has all wires; accepted: no key",
    ),
    # schedules
    (
        {"schedule": {"mode": "pipelined"}},
        'schedule.interval must be above 0 when mode = "pipelined"; accepted',
    ),
    ({"schedule": {"mode": "pipelined", "interval": 0}}, "schedule.interval must be above 0"),
    (
        {"schedule": {"interval": "1 us"}},
        'schedule.interval is a key of a pipeline; accepted: mode = "pipelined"',
    ),
    ({"schedule": {"stash": 3}}, "schedule.stash is a key of a pipeline"),
    ({"schedule": {"on_miss": "current"}}, "schedule.on_miss is a key of a pipeline"),
    (
        change(epoch=6, channels={"learning": {}}),
        "schedule.change[0].epoch = 6 never comes; accepted: 1 to 5",
    ),
    (
        change(channels={"learning": {}}),
        "schedule.change[0]: when it holds is not clear; accepted: either epoch",
    ),
    (change(epoch=1, frame=1, channels={"learning": {}}), "schedule.change[0]: when it holds is not clear"),
    (change(epoch=1, channels={}), "schedule.change[0].channels = {}; accepted"),
    (change(epoch=1), "schedule.change[0].channels is missing"),
    (
        change(epoch=1, channels={"learning": {"link": "bus"}}),
        "channels.learning.link cannot change during a run",
    ),
    (
        {
            "links": {"bus": {"bandwidth": "1 bit/s"}},
            **channel(link="bus"),
            **change(epoch=1, channels={"learning.1": {"bandwidth": "2 bit/s"}}),
        },
        'schedule.change[0].channels."learning.1".bandwidth is the link\'s, which learning.1 shares',
    ),
    # the model
    (
        {"model": 3},
        "model = 3; accepted: the path of a model file or a table of name, input, layers, weights",
    ),
    ({"model": "nowhere.toml"}, "model: nowhere.toml: no such file"),
    # residuals where nothing is held back
    (
        channel(residual="threshold", quantize={"kind": "sign"}),
        "channels.learning.residual = 'threshold': learning.1 has no threshold, so nothing is held back; accepted: "
        'a threshold beside it, or "none"',
    ),
    (
        channel(residual="error_feedback"),
        "channels.learning.residual = 'error_feedback': learning.1 has no threshold, quantize or stage, so nothing is",
    ),
    (
        {
            "channels": {"forward": {"quantize": {"kind": "sign"}, "residual": "error_feedback"}},
            **change(epoch=1, channels={"forward.2": {"quantize": "none"}}),
        },
        "schedule.change[0].channels.\"forward.2\".residual = 'error_feedback': forward.2 has no threshold, quanti",
    ),
]


@pytest.mark.parametrize(("tables", "told"), MISTAKES, ids=[told[:50] for _, told in MISTAKES])
def test_mistakes(tables: Document, told: str) -> None:
    with pytest.raises(InputError) as error:
        Scenario(**small(**tables))
    message = str(error.value)
    assert told in message
    assert "accepted" in message and "\n" not in message and "pydantic" not in message
    assert len(message) < 400


LAYER = {"kind": "dense", "units": 3, "transfer": "tanh"}

MODEL_MISTAKES: list[tuple[Document, str]] = [
    ({"layers": []}, 'layers = []; accepted: a list (each item: a table with kind = "avgpool", "conv2d", '),
    ({"layers": [{**LAYER, "units": 0}]}, "layers[0].units = 0; accepted: an integer of at least 1"),
    (
        {"layers": [LAYER, {**LAYER, "transfer": "tan"}]},
        "layers[1].transfer = 'tan' (did you mean tanh?)",
    ),
    (
        {"layers": [{**LAYER, "kind": "desne"}]},
        "layers[0].kind = 'desne' (did you mean dense?); accepted: \"avgpool\",",
    ),
    (
        {"layers": [{**LAYER, "transfer": "softmax"}, LAYER]},
        "layers[0].transfer = 'softmax' below the top; accepted",
    ),
    (
        {"layers": [{**LAYER, "transfer": "softmax", "repeat": 2}]},
        "layers[0].transfer = 'softmax' below the top",
    ),
    ({"layers": [{"units": 3, "transfer": "tanh"}]}, 'layers[0].kind is missing; accepted: "avgpool", "conv2d",'),
    ({"layers": [{**LAYER, "repeat": 1001}]}, "layers: 1,001 layers; accepted: at most 1,000"),
    ({"layers": [{**LAYER, "units": 2**30}]}, "layers[0]: 1073741824 units in layer 1; accepted: at most 67,108,864"),
    ({"input": [2**27]}, "input = [134217728]: 134,217,728 values; accepted: at most 67,108,864"),
    ({"input": [3, 4]}, "input = [3, 4]; accepted: [values] or [channels, height, width]"),
    ({"input": [0]}, "input[0] = 0; accepted: a list (each item: an integer of at least 1"),
    ({"input": 3}, "input = 3; accepted: a list (each item: an integer"),
    ({"inputs": [3]}, "inputs is unknown (did you mean input?)"),
    ({"weights": {"scale": "glorott"}}, "weights.scale = 'glorott' (did you mean glorot?)"),
]


@pytest.mark.parametrize(("keys", "told"), MODEL_MISTAKES, ids=[told[:50] for _, told in MODEL_MISTAKES])
def test_mistakes_in_a_model(keys: Document, told: str) -> None:
    document = {"name": "m", "input": [4], "layers": [LAYER], **keys}
    with pytest.raises(InputError) as error:
        Model(**document)
    assert told in str(error.value)
    with pytest.raises(InputError) as error:
        Scenario(**small(model=document))
    assert "model." + told in str(error.value)


def test_several_mistakes_are_told_together() -> None:
    with pytest.raises(InputError) as error:
        Scenario(**small(training={"epochs": 0, "batch": 0}, channels={"learning": {"headr": 3}}))
    message = str(error.value)
    for key in ("training.epochs = 0", "training.batch = 0", "channels.learning.headr is unknown"):
        assert key in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        (Quantize, {"kind": "log2"}),
        (Channel, {"header": -1}),
        (Dense, {"kind": "dense"}),
        (Weights, {"scale": 0}),
    ],
)
def test_tables_tell_mistakes_when_they_are_built_alone(table: type, keys: Document) -> None:
    with pytest.raises(InputError, match="accepted"):
        table(**keys)


def test_long_values_are_cut() -> None:
    with pytest.raises(InputError) as error:
        Scenario(**small(training={"epochs": "x" * 1000}))
    assert len(str(error.value)) < 200


def test_pipeline_keys_may_wait_for_a_sweep_over_the_mode() -> None:
    sweep = {"schedule.mode": ["sequential", "pipelined"]}
    Scenario(**small(schedule={"interval": "1 us"}, sweep=sweep))
