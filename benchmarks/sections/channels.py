"""What the clock and the stages cost: pipelined, and all channel stages on, against the ideal channel."""

from __future__ import annotations

from typing import Any

from benchmarks import work
from benchmarks.sections.variants import as_json, compare, name_of
from benchmarks.table import Row, Section, us

PIPELINED = {  # by batch; a frame's times grow with its samples
    1: {
        "schedule": {"mode": "pipelined", "interval": "50 us"},
        "channels": {
            "forward": {"latency": "50 us", "bandwidth": "1 Gbit/s"},
            "learning": {"latency": "20 us", "bandwidth": "100 Mbit/s"},
        },
    },
    100: {
        "schedule": {"mode": "pipelined", "interval": "5 ms"},
        "channels": {
            "forward": {"latency": "5 ms", "bandwidth": "1 Gbit/s"},
            "learning": {"latency": "2 ms", "bandwidth": "100 Mbit/s"},
        },
    },
}
ALL_STAGES: dict[str, Any] = {
    "threshold": {"value": 0.001},
    "residual": "threshold",
    "quantize": {"kind": "uniform", "bits": 8, "scale": "max", "rounding": "stochastic"},
    "noise": {"sigma": 0.01, "scale": "rms"},
    "bit_errors": {"probability": 1e-3},
    "drop": {"probability": 0.05, "rescale": True},
    "latency": "20 us",
    "jitter": {"distribution": "exponential", "value": "1 us"},
    "bandwidth": "1 Gbit/s",
    "deadline": "10 ms",
    "encoding": "auto",
    "header": 32,
}
PIPELINED_TARGET, STAGES_TARGET = 1.2, 2.0


def measure(settings: work.Settings) -> Section:
    section = Section(facts={"pipelined": PIPELINED, "stages": ALL_STAGES, "times": {}})
    dataset = work.mnist(settings.train)
    for batch in (1, 100):
        plans = {
            "ideal": {},
            "pipelined": PIPELINED[batch],
            "stages on the learning channels": {"channels": {"learning": ALL_STAGES}},
            "stages on every channel": {"channels": {"forward": ALL_STAGES, "learning": ALL_STAGES}},
        }
        times, engines = compare(
            {name: work.plan_of(work.scenario("srbp", batch, **tables), dataset) for name, tables in plans.items()},
            dataset,
            settings,
        )
        ideal = times.pop("ideal").median
        where = name_of(batch)
        section.facts["times"][where] = as_json(times) | {"ideal": ideal}
        in_flight = engines["pipelined"].state.most_in_flight
        for name, each in times.items():
            pipelined = name == "pipelined"
            what = f"{name} ({in_flight} frames in flight)" if pipelined else f"all {name}"
            target = PIPELINED_TARGET if pipelined else STAGES_TARGET
            detail = f"{us(each.median)} : {us(ideal)}"
            ratio, measure = each.median / ideal, "of the ideal channel's time"
            section.rows.append(Row(f"{what}, srbp, {where}", measure, ratio, target, None, False, detail))
    return section
