"""The processes that a sweep starts on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from distributed import Client

import channelsim as cs
from channelsim.errors import RunError
from channelsim.scenario import Scenario
from channelsim.sweeps import Silent, _cluster, _sweep, _worker


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


def test_the_threads_of_this_process_are_its_own_after_a_sweep() -> None:
    import numba

    environment, threads = dict(os.environ), numba.config.NUMBA_NUM_THREADS
    with _cluster.local(1):
        numba.njit(lambda: 1)()  # reads the environment, which Dask has changed
    assert dict(os.environ) == environment
    assert threads == numba.config.NUMBA_NUM_THREADS


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


def _listening() -> list[tuple[str, int]]:
    """Where this process and its children wait for connections: host and port."""
    this = psutil.Process()
    return [
        (link.laddr.ip, link.laddr.port)
        for process in (this, *this.children(recursive=True))
        for link in process.net_connections("tcp")
        if link.status == psutil.CONN_LISTEN
    ]


def _answer(place: tuple[str, int]) -> str:
    """What a port says to a stranger: over HTTP, and if that fails over TLS."""
    try:
        urllib.request.urlopen("http://{}:{}/info/main/workers.html".format(*place), timeout=10)
        return "has a page"
    except urllib.error.HTTPError as error:
        return "has no page" if error.code == 404 else str(error)
    except OSError:
        pass
    stranger = ssl.create_default_context()
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(place, timeout=10) as link, stranger.wrap_socket(link) as talk:
            return str(talk.recv(1))
    except ssl.SSLError as error:
        return "asks for a certificate" if "CERTIFICATE_REQUIRED" in str(error) else str(error)


def test_who_has_no_certificate_of_the_sweep_reaches_none_of_its_ports() -> None:
    """Over such a port code is run as whoever sweeps."""
    before = set(_listening())
    stranger = ssl.create_default_context()
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    with _cluster.local(1) as client:
        ports = [place for place in _listening() if place not in before]
        assert {host for host, _ in ports} == {"127.0.0.1"}
        assert sorted(map(_answer, ports)) == ["asks for a certificate"] * 3 + ["has no page"] * 2
        for address in (client.scheduler.address, *_cluster.workers(client)):
            assert address.startswith("tls://")
            with pytest.raises((OSError, TimeoutError)):
                Client(address.replace("tls://", "tcp://"), timeout="2s", set_as_default=False)


def _kill_the_workers(data: object) -> str:
    """Takes all workers of the machine with it, as often as its folder asks for, and then warms up."""
    folder = Path(os.environ["DEATHS"])
    deaths = len(list(folder.iterdir()))
    if deaths == int(os.environ["MOST_DEATHS"]):
        return warm_up(data)  # type: ignore[arg-type]
    (folder / str(deaths)).touch()
    for worker in psutil.Process(os.getppid()).children():
        if "spawn_main" in " ".join(worker.cmdline()) and worker.pid != os.getpid():
            worker.kill()
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


warm_up = _worker.warm


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("workers", "deaths"), [(2, 1), pytest.param(1, 2, marks=pytest.mark.slow)])
def test_workers_that_are_killed_while_they_warm_up_are_replaced(
    grid: Callable[..., Scenario], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, deaths: int
) -> None:
    (tmp_path / "deaths").mkdir()
    monkeypatch.setenv("DEATHS", str(tmp_path / "deaths"))
    monkeypatch.setenv("MOST_DEATHS", str(deaths))
    monkeypatch.setattr(_worker, "warm", _kill_the_workers)
    table = cs.sweep(grid({"seed": {"range": [1, 4]}}), out=tmp_path / "out", workers=workers)
    assert (table["status"] == "done").all() and len(table) == 4
    assert len(list((tmp_path / "deaths").iterdir())) == deaths


@pytest.mark.timeout(120)
def test_workers_that_are_killed_before_they_can_warm_up_end_the_sweep() -> None:
    def kill() -> None:
        while not over.wait(0.05):
            for process in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess):  # it has died, or is a zombie already
                    if "spawn_main" in " ".join(process.cmdline()):
                        process.kill()

    over = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(RunError, match="the worker processes did not start, or were killed"), _cluster.local(2):
            pass
    finally:
        over.set()
        killer.join()


@pytest.mark.timeout(200)
def test_workers_that_die_whenever_they_warm_up_end_the_sweep(
    grid: Callable[..., Scenario], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deaths").mkdir()
    monkeypatch.setenv("DEATHS", str(tmp_path / "deaths"))
    monkeypatch.setenv("MOST_DEATHS", "-1")
    monkeypatch.setattr(_worker, "warm", _kill_the_workers)
    with pytest.raises(RunError, match=f"died {_sweep.WARM_UPS} times while they warmed up"):
        cs.sweep(grid({"seed": [1]}), out=tmp_path / "out", workers=1)


def test_a_sweep_whose_workers_are_gone_for_good_ends(
    grid: Callable[..., Scenario], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = _cluster.workers
    gone: list[bool] = []

    class Last(Silent):
        def start(self, name: str, points: int, done: int, workers: int) -> None:
            for nanny in Client.current().cluster.workers.values():
                Client.current().sync(nanny.close)
            gone.append(not there(Client.current()))

    monkeypatch.setattr(_sweep, "WORKERLESS_SECONDS", 1)
    monkeypatch.setattr(_sweep, "LOOK_SECONDS", 0.2)
    with pytest.raises(RunError, match="all workers are gone"):
        cs.sweep(grid({"seed": [1]}), out=tmp_path / "out", workers=1, progress=Last())
    assert gone == [True]


def test_a_sweep_on_arrays(tmp_path: Path) -> None:
    """They are kept in the directory, and every point is the run on them."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(size=(30, 4)), np.arange(30) % 2
    data = cs.Dataset.from_arrays(train=(x, y), test=(x[:9], y[:9]), normalize=True)
    layers = [{"kind": "dense", "units": 2, "transfer": "softmax"}]
    model = {"name": "m", "input": [4], "layers": layers}
    training = {"epochs": 2, "batch": 5}
    scenario = cs.Scenario(name="s", model=model, data={"name": "mnist"}, training=training, sweep={"seed": [0, 1]})
    table = cs.sweep(scenario, tmp_path / "sweep", workers=1, dataset=data)
    assert list(table["status"]) == ["done", "done"]
    for seed, loss in zip(table["seed"], table["train_loss"], strict=True):
        alone = cs.run(scenario.with_({"seed": int(seed), "sweep": {}}), tmp_path / f"{seed}.h5", dataset=data)
        assert alone.train_loss == loss
