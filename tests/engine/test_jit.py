"""How many threads compiled code may use, as compiled code sees it."""

from __future__ import annotations

import numba
import pytest

from channelsim.engine import _jit


@_jit.kernel()
def seen():
    return _jit.threads_in_use()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_is_that_of_the_calling_thread(threads):
    if threads > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("needs two threads")
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        assert seen() == threads
    finally:
        numba.set_num_threads(before)
    assert seen() == before
