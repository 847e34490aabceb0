"""What a worker process does: one point after another, on data that it has loaded once.

Imports are light until the first point, so that the module can be named before the environment is set up.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelsim import parts
from channelsim.errors import InputError, RunError, Unwritable
from channelsim.scenario import Data, Scenario
from channelsim.sweeps import _store, _table
from channelsim.sweeps._grid import Point, name_of
from channelsim.version import version

if TYPE_CHECKING:
    from channelsim.data import Dataset

BUSY = "busy"
"""The status of a point that another sweep is computing at this moment."""

# The engine has the process to itself, also in a worker started with more than one thread.
_ONE_AT_A_TIME = threading.Lock()


@lru_cache(maxsize=2)
def _dataset(data: Data) -> Dataset:
    from channelsim.data import load_dataset

    return load_dataset(data)


def warm(data: Data | None) -> str:
    """Brings the engine into this process, compiled by now if it was not, and a data set that points will ask for.

    Returns the version of channelsim.
    """
    import numpy as np

    from channelsim._run import run
    from channelsim.data import Dataset

    layers = [{"kind": "dense", "units": 2, "transfer": transfer} for transfer in ("tanh", "softmax")]
    scenario = Scenario.model_validate(
        {
            "name": "warm",
            "model": {"name": "warm", "input": [4], "layers": layers},
            "data": {"name": "synthetic"},
            "training": {"epochs": 1},
            "trace": {"events": "none", "weights": "none"},
        }
    )
    x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1], np.int32)
    tiny = Dataset("warm", x, y, x, y, x[:0], y[:0], (4,), 2)
    with tempfile.TemporaryDirectory() as folder:
        run(scenario, out=Path(folder) / "warm.h5", dataset=tiny)
    if data is not None:
        with contextlib.suppress(InputError):  # for the points that need it to tell
            _dataset(data)
    return version()


def run_point(point: Point, folder: str) -> dict[str, Any]:
    """Computes a point, keeps its record, and returns it; or what another sweep has kept in the meantime.

    Raises only Unwritable: anything else that goes wrong is the record of a point that failed.
    """
    directory = Path(folder)
    try:
        with _store.locked(directory / "points" / f".{point.name}.lock", wait=False) as mine:
            if not mine:
                return {"point": point.name, "status": BUSY}
            there = _store.read_point(directory, point.name)
            if there is not None and _store.is_final(there):
                return there
            record = _attempt(point, directory)
            _store.write_point(directory, record)
            (directory / "points" / f".{point.name}.lock").unlink(missing_ok=True)
            return record
    except OSError as error:
        raise _store.unwritable(directory, error.strerror or str(error)) from None


def _attempt(point: Point, directory: Path) -> dict[str, Any]:
    if point.scenario is None:
        return _store.record_of(point, _store.FAILED, point.reason)
    parts.take(point.files)
    if name_of(point.scenario) != point.name:
        reason = "a file of weights changed during the sweep, or is another one on this worker"
        return _store.record_of(point, _store.FAILED, reason)
    trace = _store.trace_file(directory, point.name)
    try:
        with _ONE_AT_A_TIME:
            result = _simulate(point.scenario, trace, _expected(point.scenario.data, point.data))
    except RunError as error:  # it would be the same again
        return _store.record_of(point, _store.FAILED, str(error), final=True, trace=trace)
    except Unwritable as error:
        raise _store.unwritable(directory, error.reason) from None
    except Exception as error:
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        return _store.record_of(point, _store.FAILED, f"{kind}{error}", trace=trace)
    measures = {name: getattr(result, name) for name in _table.MEASURES} | dict(result.own_metrics)
    return _store.record_of(
        point, _store.DONE, final=True, measures=measures,
        busiest=result.busiest, warnings=result.warnings, trace=trace,
    )  # fmt: skip


def _expected(data: Data, digests: Mapping[str, str] | None) -> Dataset:
    """The data of a point, which have to be those that the sweep has found.

    A worker of a cluster keeps what it has loaded from one sweep to the next; if that is old, it loads them again.
    """
    from channelsim.identity import changes

    if digests is None or not changes(digests, _dataset(data).digests):
        return _dataset(data)
    _dataset.cache_clear()
    changed = changes(digests, _dataset(data).digests)
    if changed:
        raise InputError(f"{data.source}: changed during the sweep, or other data on this worker: {changed}")
    return _dataset(data)


def _is_trace(path: Path) -> bool:
    from channelsim.trace import Trace

    try:
        Trace(path).close()
    except InputError:
        return False
    return True


def _simulate(scenario: Scenario, trace: Path, dataset: Dataset) -> Any:
    """A run; it goes on where a trace stops that an earlier attempt has left, if that was on the same data."""
    from channelsim._run import run

    if trace.exists():
        try:
            return run(resume=trace, dataset=dataset, trust=True)
        except Unwritable:
            raise
        except InputError:  # it has no checkpoint, other data, or is of a run that is done but was not recorded
            pass
        if not _is_trace(trace):
            trace.unlink()  # in the place of the point's own trace, so it was one
    return run(scenario, out=trace, force=True, dataset=dataset)
