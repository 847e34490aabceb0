"""Every mistake is one line with the key and what would be accepted."""

from __future__ import annotations

from typing import Any

import pytest

from channelsim.errors import InputError
from channelsim.scenario import Channel, Dense, Model, Quantize, Scenario, Weights
from tests.scenario.documents import Document, small

LEARNING = {"channels": {"learning": {}}}


def channel(**keys: Any) -> Document:
    return {"channels": {"learning": keys}}


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
    ({"training": {"decay": 1}}, "training.decay = 1; accepted: a number of at least 0 and below 1"),
    ({"training": {"shuffle": 1}}, "training.shuffle = 1; accepted: true or false"),
    ({"training": 3}, "training = 3; accepted: a table of epochs, batch"),
    ({"seed": 2**63}, "seed = 9223372036854775808; accepted"),
    ({"name": "a/b"}, "name = 'a/b'; accepted: letters"),
    ({"name": ""}, "name = ''; accepted: letters"),
    ({"data": {}}, 'data.name is missing; accepted: "digits", "mnist"'),
    ({"data": {"name": "minst"}}, "data.name = 'minst': no such data set (did you mean mnist?)"),
    ({"learning": {"rule": "srpb"}}, 'learning.rule = \'srpb\' (did you mean srbp?); accepted: "bp", "rbp"'),
    (
        {"learning": {"feedback": {"scale": -1}}},
        'feedback.scale = -1; accepted: "glorot", "he" or a number above 0',
    ),
    ({"learning": {"feedback": {"scale": 1e300}}}, "or a number above 0 and below 1e+38"),
    ({"trace": {"events": "some"}}, 'trace.events = \'some\'; accepted: "none" or "first N frames"'),
    ({"trace": {"weights": "every 0 epochs"}}, 'accepted: "none", "last", "epoch" or "every N epochs"'),
    ({"energy": {"mac": "3 W"}}, "energy.mac = '3 W': 'W' is the wrong kind of unit; accepted: an energy"),
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
    # rules and routes
    ({"learning": {"route": "skiped"}}, "learning.route = 'skiped' (did you mean skipped?)"),
    (
        {"learning": {"rule": "rbp", "route": ["layered"]}},
        "learning.route names 1 layers; accepted: 2, one entry for each",
    ),
    (
        {"learning": {"rule": "rbp", "route": ["layered", "from 2"]}},
        'learning.route[1] = \'from 2\'; accepted: "layered", "skipped" or "from N" with N from 3 to 3',
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
        "channels.learning.residual = 'error_feedback': learning.1 has no threshold or quantize, so nothing is held",
    ),
    (
        {
            "channels": {"forward": {"quantize": {"kind": "sign"}, "residual": "error_feedback"}},
            **change(epoch=1, channels={"forward.2": {"quantize": "none"}}),
        },
        "schedule.change[0].channels.\"forward.2\".residual = 'error_feedback': forward.2 has no threshold or quantize",
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
    ({"layers": []}, 'layers = []; accepted: a list of a table with kind = "avgpool", "conv2d", '),
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
    ({"input": [0]}, "input[0] = 0; accepted: a list of an integer of at least 1"),
    ({"input": 3}, "input = 3; accepted: a list of an integer"),
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
