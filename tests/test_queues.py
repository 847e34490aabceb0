"""Links as queues: how long messages wait and how many are lost, against queueing theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim import engine
from tests.networks import dataset, plan_of

SERVICE = 64_000  # ps: two floats at 1 Gbit/s
FRAMES = 200_000


def single_link(load: float, arrivals: str, queue: int | None = None) -> tuple[float, float, float]:
    """One link with messages of fixed length: (utilisation, mean wait in service times, share lost)."""
    channel: dict[str, Any] = {"bandwidth": "1 Gbit/s"}
    if queue is not None:
        channel["queue"] = queue
    p = plan_of(
        [2, 2],
        samples=FRAMES,
        learning={"rule": "top"},
        training={"batch": 1, "epochs": 1, "learning_rate": 1e-6, "shuffle": False},
        channels={"forward.1": channel},
        schedule={"mode": "pipelined", "interval": f"{round(SERVICE / load)} ps", "arrivals": arrivals},
        trace={"events": "none"},
    )
    state = engine.start(p, dataset(np.full((FRAMES, 2), 0.5), np.zeros(FRAMES), 2))
    engine.advance(p, state, FRAMES)
    counted = state.counters[0]
    accepted = counted["messages"] - counted["lost_messages"]
    assert counted["messages"] == FRAMES
    return (
        counted["busy"] / state.now,
        counted["wait"] / accepted / SERVICE,
        counted["lost_messages"] / FRAMES,
    )


def md1k_loss(load: float, places: int) -> float:
    """Share of lost customers of an M/D/1 queue with room for `places`, the one being served included.

    By the chain embedded at departures, as for any M/G/1/K: with a_k the Poisson probabilities of k arrivals
    in a service time and pi the chain's stationary distribution over the 0..places-1 customers left behind,
    the share that is lost is 1 - 1 / (pi_0 + load).
    """
    a = np.exp(-load) * np.cumprod([1.0, *(load / k for k in range(1, places + 1))])
    step = np.zeros((places, places))
    for i in range(places):
        left = max(i - 1, 0)
        step[i, left:] = a[: places - left]
        step[i, -1] += 1 - step[i].sum()
    values, vectors = np.linalg.eig(step.T)
    pi = np.real(vectors[:, np.argmin(abs(values - 1))])
    return float(1 - 1 / (pi[0] / pi.sum() + load))


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7])
def test_poisson_arrivals_wait_as_in_md1(load: float) -> None:
    utilisation, wait, lost = single_link(load, "poisson")
    assert utilisation == pytest.approx(load, rel=0.02)
    assert wait == pytest.approx(load / (2 * (1 - load)), rel=0.02)  # Pollaczek and Khinchine
    assert lost == 0


@pytest.mark.parametrize(("load", "queue"), [(0.8, 1), (0.9, 3), (1.5, 2), (0.7, 0)])
def test_a_finite_queue_loses_as_md1k(load: float, queue: int) -> None:
    utilisation, _, lost = single_link(load, "poisson", queue)
    expected = md1k_loss(load, queue + 1)
    assert lost == pytest.approx(expected, rel=0.02)
    assert utilisation == pytest.approx(load * (1 - expected), rel=0.02)


def test_regular_arrivals_as_in_dd1() -> None:
    utilisation, wait, lost = single_link(0.8, "fixed")
    assert (wait, lost) == (0, 0)
    assert utilisation == pytest.approx(0.8, rel=0.02)
    # Too much of it: with room for one that waits, what the link cannot carry is lost.
    utilisation, _, lost = single_link(1.25, "fixed", queue=1)
    assert lost == pytest.approx(1 - 1 / 1.25, rel=0.02)
    assert utilisation == pytest.approx(1, rel=0.02)
