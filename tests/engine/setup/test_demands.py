"""What runs need is compiled and loaded before they start; and what they do not need is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channelsim import engine
from channelsim.engine.compile import units
from channelsim.engine.setup import warm_up
from channelsim.engine.setup.demands import demands
from tests.laws import cases
from tests.networks import EVERY_STAGE, conv, plan_of, plan_of_chain

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here")
loaded: list[str] = []  # units, one after another


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    load = units.Unit.load

    def remember(unit: Any) -> None:
        if unit._place.value is None:
            loaded.append(unit.name)
        load(unit)

    monkeypatch.setattr(units.Unit, "load", remember)
    yield


def as_in_a_new_process() -> None:
    for unit in units.every:
        unit._place.value = unit._called = None
    warm_up.compile_for.cache_clear()
    loaded.clear()


schedules = st.one_of(st.just({}), cases.pipelines)
channels = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"threshold": cases.thresholds}),
    st.builds(lambda stages, delays: {**stages, **delays}, cases.stages, cases.delays),
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(cases.cases(channels=channels, schedules=schedules), st.sampled_from([0, 0, 2]))
def test_nothing_is_compiled_in_the_middle_of_a_run(case: cases.Case, traced: int) -> None:
    as_in_a_new_process()
    plan, data = case.plan(), case.data()
    state = engine.start(plan, data, trace_frames=traced)

    def pack(rows: Any, values: Any) -> None:
        engine.pack(rows, values, state.channels)

    engine.advance(plan, state, 0)
    before = list(loaded)
    try:
        engine.advance(plan, state, plan.frames, pack)
    except engine.Diverged:
        return
    engine.settle(state)
    assert loaded == before
    wanted = state.demands | {units.EVALUATION}
    engine.evaluate(state, data.test_x, data.test_y)
    assert set(loaded) <= {unit.name for unit in units.every if wanted.issuperset(unit.needed_by)}


ONLINE, BATCH = {"batch": 1}, {"batch": 10}
DENSE = {"inputs.count_events", "event_loop.advance"}
SAMPLE = DENSE | {"inputs.list_events", "dense._forward_sample", "deferred.apply_deferred", "deferred.defer"}
MATRIX = DENSE | {"dense._forward_batch", "dense.accumulate", "learning._update_at_once"}
NEEDED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "srbp, online": ({"learning": {"rule": "srbp"}, "training": ONLINE}, SAMPLE),
    "srbp": ({"learning": {"rule": "srbp"}, "training": BATCH}, MATRIX),
    "bp": ({"learning": {"rule": "bp"}, "training": BATCH}, MATRIX | {"dense.transposed"}),
    "sign": ({"learning": {"rule": "sign"}, "training": BATCH}, MATRIX | {"dispatch.through_signs"}),
    "sign, sparse": (
        {"learning": {"rule": "sign", "feedback": {"connections": 2}}, "training": BATCH},
        MATRIX | {"errors._through_signed_wires"},
    ),
    "arbp": ({"learning": {"rule": "arbp"}, "training": BATCH}, MATRIX | {"adaptation.adapt"}),
    "thresholds": (
        {"learning": {"rule": "rbp"}, "training": BATCH, "channels": {"forward": {"threshold": {"value": 0.1}}}},
        MATRIX,
    ),
    "latency": (
        {"learning": {"rule": "rbp"}, "training": BATCH, "channels": {"learning": {"latency": "1 us"}}},
        MATRIX,
    ),
    "stages": (
        {"learning": {"rule": "rbp"}, "training": BATCH, "channels": {"learning": EVERY_STAGE}},
        MATRIX | {"sending._send_in_steps"},
    ),
}


def needed_by(plan: Any) -> set[str]:
    wanted = demands(plan)
    return {".".join(unit.name.split(".")[-2:]) for unit in units.every if wanted.issuperset(unit.needed_by)}


@pytest.mark.parametrize("name", NEEDED)
def test_what_dense_networks_need(name: str) -> None:
    tables, expected = NEEDED[name]
    assert needed_by(plan_of([6, 5, 4, 3], 20, **tables)) == expected


def test_only_maps_need_what_works_on_maps() -> None:
    tables: dict[str, Any] = {"learning": {"rule": "srbp"}, "training": BATCH}
    layers = [conv(2, 3), {"kind": "dense", "units": 3, "transfer": "softmax"}]
    with_maps = needed_by(plan_of_chain((1, 5, 5), layers, 3, 20, **tables))
    assert {name for name in with_maps - MATRIX if not name.startswith(("maps.", "dispatch."))} == set()
    assert {"maps.forward", "maps.survey", "maps.add_outer"} < with_maps
    assert not any(name.startswith("thread_pool.") for name in with_maps)


def test_threads_need_code_of_their_own() -> None:
    with engine.threads(2):
        assert {units.THREADS} == warm_up_demands()
    assert warm_up_demands() == set()


def warm_up_demands() -> set[str]:
    from channelsim.engine.compile.threads import thread_demands

    return set(thread_demands())
