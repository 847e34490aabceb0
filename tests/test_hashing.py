"""The battery that the counter hash passes.

Every statistic is computed from fixed seeds, so a test passes or fails for good. Each is held to a
significance of 1e-4 or a stated number of standard errors: a hash as good as chance fails about one in ten
thousand such tests, and the sizes are such that the weaknesses looked for (a counter that leaks into the
output, streams that overlap) would show by many times the threshold.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from channelsim import hashing
from channelsim.hashing import Stream, bits, key, normal, permutation, uniform, uniform32

N = 1 << 16
SIGNIFICANCE = 1e-4

# How the counters of two neighbouring messages may differ: seed, stream, frame, sample.
NEIGHBOURS = {
    "seed": ((1, 7, 3, 5), (2, 7, 3, 5)),
    "stream": ((1, 7, 3, 5), (1, 8, 3, 5)),
    "channel": ((1, Stream.DROP.of(0), 3, 5), (1, Stream.DROP.of(1), 3, 5)),
    "frame": ((1, 7, 3, 5), (1, 7, 4, 5)),
    "sample": ((1, 7, 3, 5), (1, 7, 3, 6)),
    "frame and sample": ((1, 7, 3, 5), (1, 7, 4, 4)),
}


def uniform_p(u: np.ndarray, cells: int = 256) -> float:
    counts = np.bincount((u * cells).astype(int), minlength=cells)
    return float(stats.chisquare(counts).pvalue)


def test_known_values():
    """The words themselves: runs of this version can be repeated by any later one."""
    assert key(0, 0) == 0x2130748AAAC80268
    assert key(1, Stream.DROP.of(3), 10, 99) == 0x878FB2DFD7C13B49
    assert bits(key(1, 2, 3, 4), 2).tolist() == [0xB9645C5A8EE552F7, 0xD141A6EAF57CD2F7]


def test_roots_are_those_of_the_streams():
    assert hashing.roots(11, np.array([0, 5, 700])).tolist() == [hashing.root(11, stream) for stream in (0, 5, 700)]


def test_the_first_words_are_splitmix64():
    """Without the chain: index i of key z is the i-th output of the published SplitMix64 from seed z."""
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]  # seed 0
    assert bits(0, 3).tolist() == published


@pytest.mark.parametrize("counters", [(0, 0, 0, 0), (1, 5, 0, 0), (2**40, 64, 10**9, 99), (2**63, 7, 2**40, 1)])
@pytest.mark.parametrize("draw", [uniform, uniform32])
def test_uniform_over_indices(counters, draw):
    u = draw(bits(key(*counters), N))
    assert u.min() >= 0 and u.max() < 1
    assert uniform_p(u) > SIGNIFICANCE


@pytest.mark.parametrize("axis", range(4))
def test_uniform_over_each_counter(axis):
    """The first draw of message after message, as one counter runs."""
    words = []
    for i in range(N // 4):
        counters = [1, 2, 3, 4]
        counters[axis] = i
        words.append(key(*counters))
    first = bits(0, 1)[0] ^ np.array(words, np.uint64)
    assert uniform_p(uniform(first)) > SIGNIFICANCE
    low_bytes = np.bincount((first & np.uint64(255)).astype(int), minlength=256)
    assert stats.chisquare(low_bytes).pvalue > SIGNIFICANCE


def test_every_bit_is_fair():
    words = bits(key(3, 1), N)
    ones = np.array([(words >> np.uint64(i) & np.uint64(1)).sum() for i in range(64)])
    z = (ones - N / 2) / np.sqrt(N / 4)
    assert np.abs(z).max() < 4.6  # 64 bits at 1e-4 together


def test_pairs_are_uniform():
    """Successive draws fill the unit square evenly."""
    u = uniform(bits(key(4, 1), 2 * N)).reshape(-1, 2)
    cell = (u * 16).astype(int)
    assert stats.chisquare(np.bincount(cell[:, 0] * 16 + cell[:, 1], minlength=256)).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("axis", ["seed", "stream", "frame", "sample", "index"])
def test_avalanche(axis):
    """Flipping any one of a counter's low 20 bits flips half of the output bits, each as often as not."""
    rng = np.random.default_rng(0)
    flips = np.zeros(64)
    per_trial = []
    for _ in range(200):
        counters = {name: int(rng.integers(2**20)) for name in ("seed", "stream", "frame", "sample", "index")}
        before = _word(counters)
        for bit in range(20):
            changed = before ^ _word({**counters, axis: counters[axis] ^ (1 << bit)})
            per_trial.append(changed.bit_count())
            flips += [changed >> i & 1 for i in range(64)]
    trials = len(per_trial)
    assert abs(np.mean(per_trial) - 32) < 4 * 4 / np.sqrt(trials)  # the deviation of one trial is 4 bits
    assert np.abs(flips / trials - 0.5).max() < 4.6 * 0.5 / np.sqrt(trials)
    assert min(per_trial) > 8  # six deviations


def _word(counters: dict[str, int]) -> int:
    z = key(counters["seed"], counters["stream"], counters["frame"], counters["sample"])
    return int(bits(z, np.array([counters["index"]]))[0])


@pytest.mark.parametrize("pair", NEIGHBOURS, ids=str)
@pytest.mark.parametrize("lag", [0, 1, 64])
def test_neighbouring_messages_are_uncorrelated(pair, lag):
    a, b = (uniform(bits(key(*counters), N)) for counters in NEIGHBOURS[pair])
    assert abs(np.corrcoef(a[: N - lag], b[lag:])[0, 1]) < 4 / np.sqrt(N)
    assert not np.intersect1d(bits(key(*NEIGHBOURS[pair][0]), N), bits(key(*NEIGHBOURS[pair][1]), N)).size


@pytest.mark.parametrize("lag", [1, 2, 3, 64, 100])
def test_indices_are_uncorrelated(lag):
    u = uniform(bits(key(5, 1), N))
    assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 4 / np.sqrt(N)


def test_no_two_keys_of_a_run_are_equal():
    keys = {
        key(1, stream.of(index), frame, sample)
        for stream in Stream
        for index in range(4)
        for frame in range(50)
        for sample in range(20)
    }
    assert len(keys) == len(Stream) * 4 * 50 * 20


def test_streams_do_not_overlap():
    assert max(Stream) < 64
    assert len({stream.of(i) for stream in Stream for i in range(100)}) == 100 * len(Stream)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 60_000])
def test_permutation_is_one(n):
    assert np.array_equal(np.sort(permutation(key(1, Stream.ORDER.of(), 3), n)), np.arange(n))


def test_permutations_are_evenly_spread():
    """All 24 orders of four things come up equally often over the epochs, and differ from epoch to epoch."""
    orders = [tuple(permutation(key(1, Stream.ORDER.of(), epoch), 4)) for epoch in range(6000)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE


def test_moments_of_normal():
    x = normal(bits(key(6, 1), 1 << 20))
    n = len(x)
    assert np.isfinite(x).all() and np.abs(x).max() < 6.8
    assert abs(x.mean()) < 4 / np.sqrt(n)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(stats.skew(x)) < 4 * np.sqrt(6 / n)
    assert abs(stats.kurtosis(x)) < 4 * np.sqrt(24 / n)
    assert stats.kstest(x[:N], "norm").pvalue > SIGNIFICANCE


def test_extreme_words():
    """The ends of every draw: finite, and inside what is promised."""
    ends = np.array([0, 2**64 - 1], np.uint64)
    assert uniform(ends).tolist() == [0.0, 1.0 - 2.0**-53]
    assert uniform32(ends).tolist() == [0.0, 1.0 - 2.0**-24]
    assert uniform32(ends).dtype == np.float32
    assert np.isfinite(normal(ends)).all()


def test_a_draw_depends_on_its_counters_alone():
    """Any subset of indices, in any order, draws what the whole did."""
    whole = bits(key(7, 2, 1, 0), 1000)
    some = np.array([999, 0, 17, 17])
    assert np.array_equal(bits(key(7, 2, 1, 0), some), whole[some])
    assert hashing.bits(key(7, 2, 1, 0), 0).shape == (0,)
