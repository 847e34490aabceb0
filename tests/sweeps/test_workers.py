"""The processes that a sweep starts on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import channelsim as cs
from channelsim.errors import RunError
from channelsim.scenario import Scenario
from channelsim.sweeps import Silent, _cluster


def _about() -> dict[str, Any]:
    import numba
    from threadpoolctl import threadpool_info

    import channelsim._run  # noqa: F401  brings in BLAS

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


class Held(Silent):
    """Looks, after half of the points, how many of them a worker holds."""

    most = 0

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        if done >= 10:
            workers = Client.current().cluster.scheduler.workers.values()
            self.most = max(self.most, *(len(worker.processing) for worker in workers))


def test_a_worker_holds_only_the_point_that_it_runs(grid: Callable[..., Scenario], tmp_path: Path) -> None:
    """So that points of unequal length are shared evenly, and its death is not laid to points that it had not begun."""
    held = Held()
    table = cs.sweep(grid({"seed": {"range": [1, 20]}}), out=tmp_path / "out", workers=1, progress=held)
    assert len(table) == 20
    assert held.most == 1


def test_a_script_without_a_main_guard_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.LocalCluster", fail)
    with pytest.raises(RunError, match='if __name__ == "__main__"'), _cluster.local(1):
        pass
