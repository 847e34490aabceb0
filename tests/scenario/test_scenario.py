"""What a scenario says: merged channels, routes, variations, digests."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelsim.errors import InputError
from channelsim.scenario import Channel, Model, Quantize, Scenario
from tests import networks
from tests.laws.any_scenario import any_case
from tests.own.files import use
from tests.scenario.documents import Document, documents, model, small


def scenario(depth: int = 3, **tables: object) -> Scenario:
    return Scenario(**small(depth, **tables))


@given(documents())
def test_resolved_means_the_same(document: Document) -> None:
    first = Scenario(**document)
    second = Scenario(**json.loads(json.dumps(first.resolved)))
    assert second == first
    assert second.resolved == first.resolved
    assert second.digest() == first.digest()
    for name in first.channel_names:
        direction, layer = name.split(".")
        for changes in ((), first.schedule.change):
            merged = first.channel(direction, int(layer), changes)  # type: ignore[arg-type]
            assert second.channel(direction, int(layer), changes) == merged  # type: ignore[arg-type]
    assert second.advice() is not None


def test_resolved_means_the_same_with_every_key() -> None:
    """In the scenarios of the laws, which have all rules, quantizers, wirings, rates and decays."""
    for seed in range(120):
        case = any_case(seed)
        first = networks.chain(case.shape, case.layers, **case.tables)
        second = Scenario(**json.loads(json.dumps(first.resolved)))
        assert (second, second.resolved, second.digest()) == (first, first.resolved, first.digest()), seed


@given(documents())
def test_document_and_with_give_the_same_again(document: Document) -> None:
    first = Scenario(**document)
    assert Scenario(**first.document()) == first
    assert first.with_() == first
    assert first.with_(**first.document()) == first
    assert first.with_({"seed": 7}).with_(seed=first.seed) == first
    assert pickle.loads(pickle.dumps(first)) == first
    assert copy.deepcopy(first) == first


@given(documents(), st.integers(0, 2**63 - 1))
def test_digest_tells_what_is_computed(document: Document, seed: int) -> None:
    first = Scenario(**document)
    assert len(first.digest()) == 12 and int(first.digest(), 16) >= 0
    assert first.with_(name="another", trace={"weights": "none"}).digest() == first.digest()
    assert (first.with_(seed=seed).digest() == first.digest()) == (seed == first.seed)


def test_digest_does_not_depend_on_how_it_is_written() -> None:
    plain = scenario(learning={"rule": "srbp"}, channels={"learning": {"latency": "1 us"}})
    assert (
        plain.digest()
        == scenario(
            learning={"rule": "srbp", "derivative": True},
            channels={"learning.1": {"latency": "1000 ns"}, "learning": {"latency": "1e-6 s", "header": 0}},
            compute={"forward": 0},
        ).digest()
    )


# --- channels -----------------------------------------------------------------------------------------


def test_specific_keys_lie_over_general_ones() -> None:
    s = scenario(
        channels={
            "learning": {"latency": "20 us", "header": 8, "drop": {"probability": 0.5, "rescale": True}},
            "learning.2": {"latency": "3 us", "drop": {"probability": 0.1}},
        }
    )
    general, specific = s.channel("learning", 1), s.channel("learning", 2)
    assert (general.latency, specific.latency) == (20_000_000, 3_000_000)
    assert (general.header, specific.header) == (8, 8)
    assert specific.drop is not None and not specific.drop.rescale, "a key's table is replaced whole"
    assert s.channel("forward", 1) == Channel()


def test_none_takes_back_what_the_general_channel_says() -> None:
    general = {"deadline": "1 ms", "quantize": {"kind": "sign"}, "bandwidth": "1 Mbit/s", "queue": 3}
    s = scenario(channels={"learning": general, "learning.1": dict.fromkeys(general, "none")})
    assert s.channel("learning", 1) == Channel()
    assert s.channel("learning", 2).deadline == 10**9


def test_stages_of_the_users_own_and_jitter_can_be_taken_back() -> None:
    own = {"learning": {"stage": use("squash"), "jitter": "2 us"}, "learning.2": {"stage": "none", "jitter": "none"}}
    s = scenario(4, learning={"rule": "srbp"}, channels=own)
    assert s.channel("learning", 2).stage == () and s.channel("learning", 2).jitter.value == 0
    assert len(s.channel("learning", 1).stage) == 1
    assert Scenario(**s.resolved) == s


def test_an_explicit_default_lies_over_a_general_value() -> None:
    s = scenario(channels={"learning": {"header": 8, "latency": "1 us"}, "learning.1": {"header": 0, "latency": 0}})
    assert s.channel("learning", 1) == Channel()


def test_a_link_and_a_bandwidth_of_its_own_exclude_each_other() -> None:
    s = scenario(
        channels={
            "learning": {"bandwidth": "1 Mbit/s", "queue": 4},
            "learning.1": {"link": "bus"},
            "forward": {"link": "bus"},
            "forward.1": {"bandwidth": "2 Mbit/s"},
        },
        links={"bus": {"bandwidth": "3 Mbit/s"}},
    )
    on_bus, own = s.channel("learning", 1), s.channel("forward", 1)
    assert (on_bus.link, on_bus.bandwidth, on_bus.queue) == ("bus", None, None)
    assert (own.link, own.bandwidth) == (None, 2e6)


def test_changes_lie_over_all_else_in_the_order_of_time() -> None:
    s = scenario(
        training={"epochs": 3},
        channels={"learning": {"header": 1}, "learning.2": {"header": 2, "latency": "1 ns"}},
        schedule={
            "change": [
                {"frame": 25, "channels": {"learning": {"header": 4}}},
                {"epoch": 2, "channels": {"learning.2": {"header": 3}}},
            ]
        },
    )
    timetable = s.changes(frames_per_epoch=10)
    assert [frame for frame, _ in timetable] == [10, 25]
    changes = [change for _, change in timetable]
    assert [s.channel("learning", 2, changes[:n]).header for n in range(3)] == [2, 3, 4]
    assert [s.channel("learning", 1, changes[:n]).header for n in range(3)] == [1, 1, 4]
    assert s.channel("learning", 2, changes).latency == 1000
    with pytest.raises(InputError, match=r"schedule\.change\[0\]\.frame = 25 never comes; accepted: 0 to 23"):
        s.changes(frames_per_epoch=8)


def test_jitter_alone_is_uniform() -> None:
    s = scenario(channels={"forward": {"jitter": "5 ns"}})
    jitter = s.channel("forward", 1).jitter
    assert (jitter.distribution, jitter.value) == ("uniform", 5000)


@pytest.mark.parametrize(
    ("table", "levels", "width", "has_silence"),
    [
        ({"kind": "sign"}, 1, 1, False),
        ({"kind": "ternary"}, 1, 2, True),
        ({"kind": "uniform", "bits": 16}, 32767, 16, True),
        *(({"kind": "log2", "bits": b}, 2 ** (b - 1), b, False) for b in range(1, 7)),
        *(({"kind": "log2", "bits": b, "silence": True}, 2 ** (b - 1) - 1, b, True) for b in range(2, 7)),
        ({"kind": "log2", "exponents": 1}, 1, 1, False),
        ({"kind": "log2", "exponents": 3}, 3, 3, True),
        ({"kind": "log2", "exponents": 4}, 4, 3, False),
        ({"kind": "log2", "exponents": 4, "silence": True}, 4, 4, True),
        ({"kind": "log2", "exponents": 10}, 10, 5, True),
        ({"kind": "log2", "exponents": 32}, 32, 6, False),
    ],
)
def test_code_words_are_as_short_as_their_number_allows(
    table: Document, levels: int, width: int, has_silence: bool
) -> None:
    quantize = Quantize(**table)
    assert (quantize.levels, quantize.width, quantize.has_silence) == (levels, width, has_silence)


# --- routes and layers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("learning", "sources"),
    [
        ({"rule": "bp"}, [2, 3, 4]),
        ({"rule": "rbp"}, [2, 3, 4]),
        ({"rule": "arbp"}, [2, 3, 4]),
        ({"rule": "sign"}, [2, 3, 4]),
        ({"rule": "srbp"}, [4, 4, 4]),
        ({"rule": "asrbp"}, [4, 4, 4]),
        ({"rule": "drtp"}, [4, 4, 4]),
        ({"rule": "top"}, []),
        ({"rule": "rbp", "route": "skipped"}, [4, 4, 4]),
        ({"rule": "srbp", "route": "layered"}, [2, 3, 4]),
        ({"rule": "rbp", "route": ["from 3", "skipped", "layered"]}, [3, 4, 4]),
        ({"rule": "bp", "route": "none"}, [2, 3, 4]),
        ({"rule": "bp", "route": ["layered", "from 3", "skipped"]}, [2, 3, 4]),
        ({"rule": "sbp"}, [4, 4, 4]),
        ({"rule": "fa"}, [2, 3, 4]),
        ({"rule": "dfa"}, [4, 4, 4]),
    ],
)
def test_routes(learning: Document, sources: list[int]) -> None:
    s = scenario(4, learning=learning)
    assert s.routes() == {h: (source,) for h, source in enumerate(sources, start=1)}
    names = [f"learning.{h}" for h in (3, 2, 1)] if sources else []
    assert s.channel_names == ["forward.1", "forward.2", "forward.3", "forward.4", *names]


def learning_names(route: Any, copies: int = 1) -> list[str]:
    s = scenario(4, learning={"rule": "srbp", "route": route, "feedback": {"copies": copies}})
    return s.channel_names[4:]


def test_several_channels_to_a_layer_have_names_of_their_own() -> None:
    assert learning_names("cascade") == [
        "learning.3", "learning.2.from.3", "learning.2.from.4",
        "learning.1.from.2", "learning.1.from.3", "learning.1.from.4",
    ]  # fmt: skip
    by_hand = ["from 4, 2", "layered", "skipped"]
    assert learning_names(by_hand) == ["learning.3", "learning.2", "learning.1.from.2", "learning.1.from.4"]
    assert learning_names("skipped", 2)[-2:] == ["learning.1.copy.1", "learning.1.copy.2"]
    assert learning_names(by_hand, 2)[-3:] == [
        "learning.1.from.2.copy.2", "learning.1.from.4.copy.1", "learning.1.from.4.copy.2",
    ]  # fmt: skip


def test_settings_of_one_of_several_channels() -> None:
    name = "learning.1.from.4.copy.2"
    keys = {"learning": 1, "learning.1": 2, "learning.1.from.4": 3, name: 4}
    channels = {table: {"header": header} for table, header in keys.items()}
    learning = {"rule": "srbp", "route": "cascade", "feedback": {"copies": 2}}
    s = scenario(4, learning=learning, channels=channels)
    found = {other: s.settings(other).header for other in s.channel_names}
    assert found[name] == 4
    assert found["learning.1.from.4.copy.1"] == 3
    assert found["learning.1.from.3.copy.2"] == 2
    assert found["learning.2.from.4.copy.2"] == 1
    assert Scenario(**s.resolved) == s


@pytest.mark.parametrize(
    ("name", "rule", "feedback"),
    [
        ("fa", "rbp", {}),
        ("dfa", "srbp", {}),
        ("frsf", "sign", {}),
        ("brsf", "sign", {"redraw": "frame"}),
        ("usf", "sign", {"distribution": "sign"}),
    ],
)
def test_other_names_of_rules_are_read_and_told(name: str, rule: str, feedback: Document) -> None:
    named = scenario(3, learning={"rule": name, "feedback": {"scale": 0.2}})
    plain = scenario(3, learning={"rule": rule, "feedback": {"scale": 0.2, **feedback}})
    assert named == plain
    assert named.digest() == plain.digest()
    (told,) = [line for line in named.advice() if "learning.rule" in line]
    assert told.startswith(f"learning.rule {name} (")
    assert f"is called {rule} here" in told
    assert not [line for line in plain.advice() if "learning.rule" in line]


@pytest.mark.parametrize(("name", "rule"), [("kp", "arbp"), ("dkp", "asrbp")])
def test_kolen_pollack_needs_one_decay_and_one_rate(name: str, rule: str) -> None:
    decay = {"training": {"weight_decay": 0.01}}
    named, plain = (scenario(3, learning={"rule": one}, **decay) for one in (name, rule))
    assert named == plain
    assert any(f"is called {rule} here" in line for line in named.advice())
    for learning, training, told in (
        ({}, {}, "training.weight_decay = 0"),
        ({"weight_decay": 0.1}, {"weight_decay": 0.01}, "learning.weight_decay = 0.1: with"),
        ({"learning_rate": 0.1}, {"weight_decay": 0.01}, "learning.learning_rate: with"),
    ):
        with pytest.raises(InputError, match=told):
            scenario(3, learning={"rule": name, **learning}, training=training)


def test_unused_keys_of_feedback_do_not_show_in_the_digest() -> None:
    plain = scenario(3, learning={"rule": "srbp"})
    usual = {"mean": 0.0, "redraw": "none", "copies": 1, "rank": "none"}
    assert scenario(3, learning={"rule": "srbp", "feedback": usual}).digest() == plain.digest()
    for key, value in (("mean", 0.1), ("redraw", "frame"), ("copies", 2), ("rank", 1)):
        assert scenario(3, learning={"rule": "srbp", "feedback": {key: value}}).digest() != plain.digest()


def test_a_network_of_one_layer_has_no_learning_channels() -> None:
    s = scenario(1)
    assert s.routes() == {}
    assert s.channel_names == ["forward.1"]


def test_repeated_layers_are_counted() -> None:
    document = model([6, 5, 3])
    document["layers"][0]["repeat"] = 3
    s = scenario(model=document)
    assert s.depth == 4
    assert str(s.model) == "6-5-5-5-3"
    assert [layer.units for layer in s.model.chain()] == [5, 5, 5, 3]
    assert s == scenario(model=model([6, 5, 5, 5, 3]))


def test_compute_times() -> None:
    s = scenario(compute={"forward": "2 us", "learning": ["1 ns", "2 ns", 0]})
    assert [s.compute_times(h) for h in (1, 2, 3)] == [(2_000_000, 1000), (2_000_000, 2000), (2_000_000, 0)]


def test_trace_words() -> None:
    trace = scenario(trace={"events": "first 7 frames", "weights": "every 3 epochs"}).trace
    assert ([window.frames for window in trace.windows], trace.weights_every) == ([7], 3)
    trace = scenario(trace={"events": "none", "weights": "none"}).trace
    assert (trace.windows, trace.weights_every) == ((), None)
    assert scenario(trace={"weights": "last"}).trace.weights_every == 0
    assert scenario().trace.weights_every == 1


# --- in Python ----------------------------------------------------------------------------------------


def test_tables_may_be_objects() -> None:
    built = Scenario(
        name="small",
        model=Model(**model([6, 5, 5, 5])),
        data={"name": "synthetic"},
        channels={"learning": Channel(quantize=Quantize(kind="log2", bits=3))},
    )
    assert built == scenario(channels={"learning": {"quantize": {"kind": "log2", "bits": 3}}})
    assert built.with_({"channels.learning.quantize.bits": 4}).channel("learning", 1).quantize == Quantize(
        kind="log2", bits=4
    )
    assert built.with_({"channels.forward": Channel(header=3)}).channel("forward", 2).header == 3


def test_numpy_numbers_are_numbers() -> None:
    s = scenario(
        seed=np.int64(3),
        training={"learning_rate": np.float32(0.5), "batch": np.int32(7), "shuffle": np.True_},
    )
    assert (s.seed, s.training.learning_rate, s.training.batch, s.training.shuffle) == (3, 0.5, 7, True)
    assert s.with_({"training.learning_rate": np.float64(0.25)}).training.learning_rate == 0.25


def test_with_changes_some_keys_and_leaves_the_rest() -> None:
    first = scenario(
        learning={"rule": "srbp", "derivative": False},
        channels={"learning": {"header": 3, "quantize": {"kind": "log2", "bits": 3}}},
    )
    second = first.with_(
        learning={"rule": "asrbp"},
        channels={"learning": {"quantize": {"kind": "sign"}}, "learning.1": {"header": 4}},
    )
    assert (second.learning.rule, second.learning.derivative) == ("asrbp", False)
    assert second.channel("learning", 2).header == 3
    assert second.channel("learning", 2).quantize == Quantize(kind="sign")
    assert second.channel("learning", 1).header == 4
    assert first.learning.rule == "srbp"
    assert first.with_({'channels."learning.2".latency': "1 ns"}).channel("learning", 2).latency == 1000
    assert first.with_(**{"learning.rule": "rbp", "seed": 3}).seed == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"learning.rul": "bp"}, "learning.rul is unknown (did you mean rule?)"),
        ({"lerning": {"rule": "bp"}}, "lerning is unknown (did you mean learning?)"),
        ({"seed": -1}, "seed = -1"),
        ({"name.x": 1}, "name = 'small' is no table"),
        ({"a b": 1}, "accepted: a dotted key"),
    ],
)
def test_with_tells_mistakes(changes: Document, told: str) -> None:
    with pytest.raises(InputError) as error:
        scenario().with_(changes)
    assert told in str(error.value)


def test_scenarios_do_not_change() -> None:
    s = scenario()
    with pytest.raises(ValueError, match="frozen"):
        s.seed = 3  # type: ignore[misc]
    document = s.document()
    document["model"]["layers"].clear()
    assert s.depth == 3


def test_in_words() -> None:
    s = scenario(
        learning={"rule": "srbp", "derivative": False},
        channels={
            "learning": {
                "threshold": {"value": 0.1},
                "residual": "threshold",
                "quantize": {"kind": "log2", "bits": 3},
                "drop": {"probability": 0.1},
                "bandwidth": "10 Mbit/s",
                "latency": "20 us",
            },
            "learning.1": {"encoding": "aer"},
        },
        schedule={"mode": "pipelined", "interval": "1 us"},
    )
    text = repr(s)
    for part in (
        "small",
        "6-5-5-5",
        "srbp, without f'",
        "only |x| > 0.1, the rest kept, log2, 3 bits (4 exponents) of max, drop 0.1, latency 20 us, 10 Mbit/s",
        "aer",
        "ideal",
        "a frame every 1 us",
    ):
        assert part in text
    html = s._repr_html_()
    assert html.startswith("<table>") and "6-5-5-5" in html and "|x| &gt; 0.1" in html


@given(documents())
def test_everything_can_be_said_in_words(document: Document) -> None:
    s = Scenario(**document)
    assert s.name in repr(s)
    assert s.name in s._repr_html_()
    assert all(isinstance(line, str) for line in s.advice())


# --- advice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"channels": {"learning": {"latency": "2 us", "deadline": "1 us"}}}, "nothing will ever arrive"),
        ({"channels": {"forward.2": {"latency": "2 us", "deadline": 0}}}, "channels.forward.2"),
        ({"channels": {"learning": {"drop": {"probability": 1}}}}, "nothing will ever arrive"),
        ({"channels": {"learning": {"queue": 3}}}, "the queue has no effect"),
        ({"learning": {"rule": "bp", "feedback": {"scale": "he"}}}, "learning.feedback is not used"),
        ({"learning": {"rule": "srbp", "learning_rate": 0.1}}, "learning.learning_rate is not used"),
        ({"learning": {"rule": "top", "route": "skipped"}}, "learning.route is not used"),
        (
            {"learning": {"rule": "top"}, "channels": {"learning": {"header": 3}}},
            "channels.learning is not used",
        ),
        (
            {"schedule": {"mode": "pipelined", "interval": "1 us"}, "compute": {"forward": "1 us"}},
            "cannot keep up",
        ),
        (
            {"schedule": {"mode": "pipelined", "interval": "1 us"}, "compute": {"learning": "50 ns"}},
            "layer 3 computes 5 us a frame",  # the top: it learns too
        ),
    ],
)
def test_advice(tables: Document, told: str) -> None:
    lines = scenario(**tables).advice()
    assert any(told in line for line in lines), lines


SLOW = {"bandwidth": "1 Mbit/s"}


@pytest.mark.parametrize(
    ("batch", "tables", "told"),
    [
        (10, {"channels": {"forward": {**SLOW, "queue": 3}}},
         "channels.forward: a layer hands over a frame's 10 messages at once, of which the link sends one and queues "
         "3: the rest (6 of 10) is lost in every frame; it takes a queue of 9, or a training.batch of at most 4"),
        (10, {"channels": {"forward": {**SLOW, "queue": 9}}}, None),
        (10, {"channels": {"forward": {**SLOW, "queue": 8}}}, "the rest (1 of 10) is lost"),
        (1, {"channels": {"forward": {**SLOW, "queue": 0}}}, None),
        (10, {"channels": {"learning.1": {**SLOW, "queue": 0}}}, "channels.learning.1: a layer hands over"),
        (4, {"schedule": {"change": [{"epoch": 2, "channels": {"forward.2": {**SLOW, "queue": 1}}}]}},
         "schedule.change[0].channels.forward.2: a layer hands over a frame's 4"),
        # the top sends its errors to both hidden layers at once
        (5, {"channels": {"learning": {"link": "bus"}}, "links": {"bus": {**SLOW, "queue": 6}}},
         "links.bus: layer 3 hands over a frame's 10 messages on 2 channels at once, of which the link sends one and "
         "queues 6: the rest (3 of 10) is lost in every frame; it takes a queue of 9, or a training.batch of at most "
         "3"),
        (5, {"channels": {"learning": {"link": "bus"}}, "links": {"bus": {**SLOW, "queue": 6, "broadcast": True}}},
         None),
        (1, {"channels": {"learning": {"link": "bus"}}, "links": {"bus": {**SLOW, "queue": 0}}},
         "it takes a queue of 1"),
        # forward messages leave one layer after another
        (5, {"channels": {"forward": {"link": "bus"}}, "links": {"bus": {**SLOW, "queue": 4}}}, None),
        (5, {"channels": {"forward": {"link": "bus"}}, "links": {"bus": SLOW}}, None),
    ],
)  # fmt: skip
def test_a_frame_that_no_queue_holds(batch: int, tables: Document, told: str | None) -> None:
    lines = scenario(training={"batch": batch}, learning={"rule": "srbp"}, **tables).advice()
    if told is None:
        assert lines == []
    else:
        (line,) = lines
        assert told in line and ("training.batch" in line or batch == 1)


def test_advice_is_given_once_for_all_channels_of_a_kind() -> None:
    assert len(scenario(channels={"learning": {"latency": "2 us", "deadline": "1 us"}}).advice()) == 1
