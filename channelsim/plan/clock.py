"""What the simulated clock can count: 2^62 ps. What would take it further at once is refused, as 64 bits wrap.

The engine looks at every time that it schedules. So that none of them has wrapped by then, a single step from a time
within the clock's range stays below 2^61 ps.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from channelsim import arithmetic
from channelsim.errors import InputError
from channelsim.plan.build import Tables
from channelsim.plan.channels import channel_table, link_table, settings_of
from channelsim.plan.feedback import Place
from channelsim.plan.layout import Encoding, Jitter
from channelsim.scenario import Scenario

CLOCK_END = 2**62  # ps; nothing happens later
LONGEST_STEP = 2**61
MOST_MEANS = 37  # an exponential draw is at most so many times its mean: -ln 2^-53


def refuse_long_steps(scenario: Scenario, found: Tables, train_size: int, test_size: int) -> None:
    """Raises InputError for durations of which one step of the clock could make more than 2^61 ps, 26.7 days.

    Also for a change of channels at a frame that never comes.
    """
    size = scenario.training.frame_size(train_size)
    batch = min(size, max(train_size, test_size))
    changes = [change for _, change in scenario.changes(math.ceil(train_size / size))]
    for k in range(len(changes) + 1):
        settings = settings_of(scenario, found.edges, changes[:k])
        links, _, link_of = link_table(scenario.links, found.edges, settings)
        channels = channel_table(found.edges, found.layers, settings, link_of, [Place()] * len(found.edges))
        steps = {edge.name: _message(row, links, batch) for edge, row in zip(found.edges, channels, strict=True)}
        times = {f"channels.{name}": sending + delay for name, (sending, delay) in steps.items()}
        times["compute"] = batch * max(sum(scenario.compute_times(h)) for h in range(1, scenario.depth + 1))
        poisson = scenario.schedule.arrivals == "poisson"
        times["schedule.interval"] = (scenario.schedule.interval or 0) * (MOST_MEANS if poisson else 1)
        step = sum(sending for sending, _ in steps.values()) + max(delay for _, delay in steps.values())
        if step + times["compute"] + times["schedule.interval"] > LONGEST_STEP:
            key = max(times, key=lambda name: times[name])
            raise InputError(
                f"{key}: a frame of {batch} samples can take {times[key] / 1e12:,.0f} s at once, which the simulated "
                f"clock cannot count; accepted: less than {LONGEST_STEP / 1e12:,.0f} s, all added up"
            )


def _message(row: Any, links: NDArray[Any], batch: int) -> tuple[int, int]:
    """Most picoseconds for which a frame's messages occupy the channel's link, and that one then takes to arrive."""
    word = int(row["value_bits"]) + max(int(row["silence_bits"]), int(row["address_bits"]))
    bits = int(row["header_bits"]) + int(row["scale_bits"]) + int(row["n"]) * word
    if row["encoding"] == Encoding.ENTROPY:
        bits += arithmetic.most_bits(int(row["n"]), int(row["levels"]))
    link = links[row["link"]]
    sending = batch * -(-bits * int(link["ps_numerator"]) // int(link["ps_denominator"]))
    jitter = int(row["jitter"]) * (MOST_MEANS if row["jitter_kind"] == Jitter.EXPONENTIAL else 1)
    return sending, max(int(row["latency"]) + jitter, int(row["deadline"]))
