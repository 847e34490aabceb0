"""Loops whose parts several threads share: each part is done once, and by helpers only where this thread has some."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from channelsim.engine.compile import thread_pool
from channelsim.engine.compile.jit import inner
from tests.engine.compiled import compiled


@inner()
def part(counts, starts, more, piece, pieces):
    counts[piece] += more
    starts[piece] = len(counts) * piece // pieces


@compiled
@inner()
def all_parts(counts, starts, more, pieces, times):
    for _ in range(times):
        thread_pool.in_parts(part, pieces, (counts, starts, more))


@inner()
def one_value(values, piece, pieces):
    values[0] += pieces


@compiled
@inner()
def only_part(values):
    thread_pool.in_parts(one_value, 1, (values,))


@inner()
def meet(here, met, piece, pieces):
    """Says that it has begun, and waits until the other part has, for a second or so."""
    thread_pool._store(here + 8 * piece, 1)
    for _ in range(1_000_000):
        if thread_pool._load(here + 8 * (1 - piece)) == 1:
            met[piece] = True
            return
        thread_pool._give_way()


@compiled
@inner()
def two_parts(here, met):
    thread_pool.in_parts(meet, 2, (here, met))


@compiled
@inner()
def seen():
    return thread_pool.threads_in_use()


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 40])
def test_each_part_is_done_once(threads: int, pieces: int) -> None:
    """Again and again, by more threads than there are cores too: then helpers come late, and are relieved."""
    counts, starts = np.zeros(pieces, np.float32), np.zeros(pieces, np.int64)
    with thread_pool.helpers(threads - 1):
        all_parts(counts, starts, np.float32(2), pieces, 2000)
    np.testing.assert_array_equal(counts, np.full(pieces, 4000, np.float32))
    np.testing.assert_array_equal(starts, np.arange(pieces))


def test_parts_are_done_at_the_same_time() -> None:
    begun, met = np.zeros(2, np.int64), np.zeros(2, np.bool_)
    with thread_pool.helpers(1):
        two_parts(begun.ctypes.data, met)
    assert met.all()


@pytest.mark.parametrize("pieces", [2, 3, 40])
def test_the_shares_of_helpers_that_never_begin_are_done(pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def hire_nobody(count: int) -> list[SimpleNamespace]:
        thread_pool._flags[thread_pool.DONE :] = thread_pool._flags[thread_pool.TURN]
        return [SimpleNamespace(join=lambda: None)] * count

    monkeypatch.setattr(thread_pool, "_hire", hire_nobody)
    counts, starts = np.zeros(pieces, np.float32), np.zeros(pieces, np.int64)
    with thread_pool.helpers(2):
        assert seen() == 3
        all_parts(counts, starts, np.float32(1), pieces, 10)
    np.testing.assert_array_equal(counts, np.full(pieces, 10, np.float32))


def test_one_part_needs_nobody() -> None:
    values = np.zeros(1, np.int64)
    with thread_pool.helpers(1):
        only_part(values)
    assert values[0] == 1


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_helpers_are_those_of_one_thread(threads: int) -> None:
    before, others = threading.active_count(), []
    with thread_pool.helpers(threads - 1):
        assert seen() == threads
        assert threading.active_count() == before + threads - 1
        other = threading.Thread(target=lambda: others.append(seen()))
        other.start()
        other.join()
    assert others == [1]
    assert seen() == 1
    assert threading.active_count() == before


def test_another_thread_gets_none_meanwhile() -> None:
    counts, starts, found = np.zeros(6, np.float32), np.zeros(6, np.int64), []

    def work_alone() -> None:
        with thread_pool.helpers(2):
            found.append(seen())
            all_parts(counts, starts, np.float32(1), 6, 10)

    with thread_pool.helpers(1):
        other = threading.Thread(target=work_alone)
        other.start()
        other.join()
    assert found == [1]
    np.testing.assert_array_equal(counts, np.full(6, 10, np.float32))


def test_a_system_without_room_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with thread_pool.helpers(2):
        assert seen() == 1
    monkeypatch.undo()
    with thread_pool.helpers(2):
        assert seen() == 3
