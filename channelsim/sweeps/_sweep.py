"""Drives a sweep: what is left to do, on a cluster, into the directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelsim import extras, signals
from channelsim.errors import InputError, RunError
from channelsim.notebook import NotebookSweep, in_notebook
from channelsim.paths import path_of
from channelsim.scenario import Data, Scenario, only_scenario
from channelsim.sweeps import _cluster, _data, _store, _table, _worker
from channelsim.sweeps._grid import Point, points
from channelsim.sweeps._progress import Silent, SweepProgress
from channelsim.version import version

if TYPE_CHECKING:
    import pandas as pd

    from channelsim.data import Dataset

GROUP = "point"  # of all keys: Dask holds back the tasks of a large group until a worker is free
TABLE_SECONDS = 5.0  # between two tables while a sweep runs
_SHARE = 0.02  # of a sweep's time that the tables may take
BUSY_SECONDS = 1.0  # until a point that another sweep computes is looked at again
WARM_UPS = 5  # times that workers may die while they warm up: one for each machine's first, the others, and deaths
WORKERLESS_SECONDS = 60  # until a sweep ends whose workers are all gone
LOOK_SECONDS = 5.0  # without a point that is done, until the workers are looked at
WATCH_SECONDS = 0.1
GONE = "sweep: the scheduler went away; what is done is kept: the same command goes on"


def default_out(scenario: Scenario) -> Path:
    """Where the sweep goes by default."""
    return Path("runs") / scenario.name


def sweep(
    scenario: Scenario,
    out: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: SweepProgress | None = None,
    dataset: Dataset | None = None,
) -> pd.DataFrame:
    """Runs all points of a scenario's [sweep] that are not done yet, on Dask distributed.

    In a script, call it below `if __name__ == "__main__":`, for the worker processes import the script.

    Arguments:
        scenario: its `sweep` table is the grid; without one it is a single point.
        out: the directory, `runs/<name>` by default. Points that are done in it are not done again; another sweep may
            use it at the same time.
        workers: single-threaded processes on this machine, by default one per core.
        scheduler: the address of a Dask scheduler instead, whose workers see the same files and have channelsim.
        progress: is called while the sweep goes on (see `SweepProgress`); by default a bar in a notebook, and nothing
            elsewhere.
        dataset: in place of the scenario's; it is kept in the directory, where workers find it.

    Returns:
        The table of the directory, also in results.parquet and results.csv: a row a point, with point (the name),
        status (done, failed or killed), reason, every swept key, seed, the measures, warnings (of the run, with " | "
        between them), and trace (relative to `out`).

    Raises:
        InputError: the grid is wrong, the directory is not one of such a sweep, has results on other data or cannot be
            written, no scheduler answers, or the extra `sweep` is not installed. What was done is kept.
        RunError: the scheduler went away. What was done is kept.
        KeyboardInterrupt: after Ctrl-C; what was done is kept and in the table. SIGTERM and SIGHUP do the same, and
            then end the process.
    """
    extras.require("sweep", "sweep")
    if workers is not None and scheduler is not None:
        raise InputError("sweep: --workers start processes here, --scheduler has its own; accepted: one of them")
    if workers is not None and workers < 1:
        raise InputError(f"sweep: --workers {workers}; accepted: 1 or more")
    only_scenario(scenario)
    listener = progress or (NotebookSweep() if in_notebook() else Silent())
    directory = (path_of(out) if out is not None else default_out(scenario)).absolute()
    if dataset is not None:
        scenario = _data.kept(scenario, dataset, directory)
    wanted, data = _data.identified(points(scenario), listener.note)
    _store.claim(directory, scenario, data)
    if lacking := _store.lacking_locks(directory):
        listener.note(f"warning: {lacking}")
    results = _table.Results(directory)
    left = [point for point in wanted if not _store.is_final(_store.read_point(directory, point.name))]
    with signals.in_order():
        return _complete(scenario.name, wanted, left, directory, results, listener, workers, scheduler)


def _complete(
    name: str,
    wanted: list[Point],
    left: list[Point],
    directory: Path,
    results: _table.Results,
    listener: SweepProgress,
    workers: int | None,
    scheduler: str | None,
) -> pd.DataFrame:
    """Computes the points that are left, and makes the table."""
    try:
        if left:
            _Sweep(name, wanted, left, directory, results, listener).go(workers, scheduler)
        else:
            listener.start(name, len(wanted), len(wanted), 0)
    finally:
        table = results.write()
    mine = table[table["point"].isin([point.name for point in wanted])]
    listener.finish(int((mine["status"] == _store.DONE).sum()), int((mine["status"] != _store.DONE).sum()))
    return table


class _Sweep:
    """One sitting of a sweep: the points that are left, and those that are out."""

    def __init__(
        self,
        name: str,
        wanted: list[Point],
        left: list[Point],
        directory: Path,
        results: _table.Results,
        listener: SweepProgress,
    ) -> None:
        self.name, self.wanted, self.left = name, wanted, {point.name: point for point in left}
        self.directory, self.results, self.listener = directory, results, listener
        self.keys = list(wanted[0].values)
        self.before = len(wanted) - len(left)
        self.busy: dict[str, float] = {}  # name -> when to look again
        # Points whose workers died. One of them may be the cause and the others bystanders, so that each is tried once
        # more when nothing else runs.
        self.suspects: list[str] = []
        self.alone: str | None = None
        self.finished = 0
        self.began = self.table_time = time.monotonic()
        self.table_cost = 0.0

    def go(self, workers: int | None, scheduler: str | None) -> None:
        if scheduler is not None:
            cluster = _cluster.remote(scheduler)
        else:
            count = workers or _cluster.cores()
            self.listener.note(f"starting {min(count, len(self.left))} worker processes ...")
            cluster = _cluster.local(min(count, len(self.left)))
        with cluster as client:
            self._warm(client, scheduler)
            self.listener.start(self.name, len(self.wanted), self.before, _cluster.threads(client))
            self.began = self.table_time = time.monotonic()
            with signals.kept_ctrl_c() as interrupted:
                self._drain(client, interrupted)

    def _warm(self, client: Any, scheduler: str | None) -> None:
        """Compiles the engine once on each machine, then brings it into the other workers.

        A worker that dies meanwhile is replaced, and its successor warmed up. Raises RunError if they die each time.
        """
        data = next((point.scenario.data for point in self.left.values() if point.scenario), None)
        warm: set[str] = set()
        machines: set[str] = set()  # on which the engine is compiled
        for _ in range(WARM_UPS):
            there = self._workers(client)
            first = {host: address for address, host in there.items() if host not in machines}
            cold = list(first.values()) or [address for address in there if address not in warm]
            if not cold:
                return
            warmed = self._warmed(client, scheduler, cold, data)
            warm |= warmed
            machines |= {there[address] for address in warmed}
        if not warm:
            raise RunError(
                f"sweep: its workers died {WARM_UPS} times while they warmed up; no point has begun: "
                "the same command tries again"
            )

    def _warmed(self, client: Any, scheduler: str | None, addresses: list[str], data: Data | None) -> set[str]:
        """Warms up the workers at these addresses at the same time; returns those that have lived to its end."""
        futures = {address: client.submit(_worker.warm, data, workers=[address], pure=False) for address in addresses}
        import pandas  # noqa: F401  for the table: it takes a second, which is free while the workers warm up

        warmed = set()
        while futures:
            there = _cluster.workers(client)
            for address, future in list(futures.items()):
                if future.done() and future.status == "finished":
                    warmed.add(address)
                    self._refuse_others(future.result(), scheduler)
                elif future.done():
                    self._look_at_failure(future, scheduler)
                elif address in there:
                    continue
                del futures[address]  # a task for a worker that is gone would wait forever
                future.release()
            time.sleep(WATCH_SECONDS if futures else 0)
        return warmed

    @staticmethod
    def _refuse_others(theirs: str, scheduler: str | None) -> None:
        if theirs != version():
            text = f"a worker has channelsim {theirs}, here it is {version()}; accepted: the same"
            raise InputError(f"--scheduler {scheduler}: {text}")

    @staticmethod
    def _look_at_failure(future: Any, scheduler: str | None) -> None:
        """Raises what has failed in a worker, except that the worker died."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            future.result()
        except KilledWorker:
            return
        except FutureCancelledError:
            raise RunError(GONE) from None
        except ImportError as error:
            raise InputError(f"--scheduler {scheduler}: a worker lacks channelsim: {error}") from None

    def _workers(self, client: Any) -> dict[str, str]:
        """Address -> host of the workers, after waiting for one. Raises RunError if there is none for a minute."""
        until = time.monotonic() + WORKERLESS_SECONDS
        while not (there := _cluster.workers(client)):
            if time.monotonic() > until:
                raise RunError(
                    f"sweep: all workers are gone, and none has taken their place for {WORKERLESS_SECONDS} s; "
                    "what is done is kept: the same command goes on"
                )
            time.sleep(WATCH_SECONDS)
        return there

    def _drain(self, client: Any, interrupted: list[bool]) -> None:
        """Hands out all points and takes in what becomes of them."""
        from distributed import as_completed

        futures = as_completed(self._submit(client, list(self.left)), loop=client.loop)
        while self.left:
            if interrupted:
                raise KeyboardInterrupt
            for future in self._next(client, futures):
                self._take(future)
            now = time.monotonic()
            again = [name for name, when in self.busy.items() if when <= now]
            for name in again:
                del self.busy[name]
            if futures.is_empty() and not self.busy and not again and self.suspects:
                self.alone = self.suspects.pop()
                again = [self.alone]
            futures.update(self._submit(client, again))
            if now - self.table_time > max(TABLE_SECONDS, self.table_cost / _SHARE):
                self.results.write()
                self.table_time = time.monotonic()
                self.table_cost = self.table_time - now

    def _submit(self, client: Any, names: list[str]) -> list[Any]:
        folder = str(self.directory)
        return [
            client.submit(
                _worker.run_point, self.left[name], folder, key=(GROUP, name, time.monotonic_ns()), pure=False
            )
            for name in names
        ]

    def _next(self, client: Any, futures: Any) -> list[Any]:
        """Those that are done, after waiting for one for a while."""
        if self.busy and not futures.has_ready():
            time.sleep(BUSY_SECONDS / 4)
        elif not futures.is_empty():
            until = time.monotonic() + LOOK_SECONDS
            while not futures.has_ready() and time.monotonic() < until:
                with futures.thread_condition:
                    futures.thread_condition.wait(WATCH_SECONDS)
            if not futures.has_ready():
                self._workers(client)
        return list(futures.next_batch(block=False))

    def _take(self, future: Any) -> None:
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        name = future.key[1]
        record: _store.Record | None
        try:
            record = future.result()
        except KilledWorker as killed:
            record = self._died(name, killed.allowed_failures + 1)
        except FutureCancelledError:
            raise RunError(GONE) from None
        finally:
            future.release()
        if record is None:
            return
        if record["status"] == _worker.BUSY:
            self.busy[name] = time.monotonic() + BUSY_SECONDS
            return
        del self.left[name]
        self.finished += 1
        left = (time.monotonic() - self.began) / self.finished * len(self.left)
        row = _table.row(record, self.keys)
        self.listener.point(row, self.before + self.finished, left)

    def _died(self, name: str, times: int) -> _store.Record | None:
        """The record of a point whose workers died so many times; None if it is to be tried once more."""
        there = _store.read_point(self.directory, name)
        if there is not None and _store.is_final(there):
            return there
        if name != self.alone:
            self.listener.note(f"{name}: its worker died {times} times; it is tried again at the end")
            self.suspects.append(name)
            return None
        reason = f"its worker died {2 * times} times; the next sweep tries it again"
        record = _store.record_of(self.left[name], _store.KILLED, reason)
        _store.write_point(self.directory, record)
        return record
