"""The processes that a sweep starts on this machine."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from channelsim.errors import RunError
from channelsim.sweep import _cluster


def _about() -> dict[str, Any]:
    import numba
    from threadpoolctl import threadpool_info

    import channelsim.run  # noqa: F401  brings in BLAS

    return {
        "environment": [os.environ[name] for name in _cluster.THREADS],
        "numba": numba.config.NUMBA_NUM_THREADS,
        "pools": {pool["num_threads"] for pool in threadpool_info()},
        "deaf": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    }


def test_workers_have_one_thread_and_leave_ctrl_c_to_the_sweep() -> None:
    with _cluster.local(1) as client:
        assert _cluster.threads(client) == 1
        assert list(_cluster.workers(client).values()) == ["127.0.0.1"]
        assert client.submit(_about).result() == {
            "environment": ["1"] * 4, "numba": 1, "pools": {1}, "deaf": True,
        }  # fmt: skip


def test_a_script_without_a_main_guard_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.LocalCluster", fail)
    with pytest.raises(RunError, match='if __name__ == "__main__"'), _cluster.local(1):
        pass
