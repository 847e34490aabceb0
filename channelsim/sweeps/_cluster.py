"""The Dask cluster of a sweep: processes on this machine, or a scheduler by its address."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from channelsim.errors import InputError, RunError

TIMEOUT = 10  # seconds for a scheduler to answer, and to have a worker
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_EXAMPLE = "tcp://host:8786"
_ADDRESS = re.compile(r"((?P<scheme>tcp|tls|ws|wss)://)?([\w.-]+|\[[\da-fA-F:.%\w]+\]):(?P<port>[0-9]{1,5})/?")
# A terminal sends Ctrl-C to the workers too; what becomes of them is for the sweep to say.
_CALM = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"

_SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,  # then the point is tried alone, as often again
    # A worker holds only the point that it runs, so that no other is blamed for its death.
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.comm.timeouts.connect": f"{TIMEOUT}s",
    # What watches the processes takes time from the runs: as many workers as cores leave none for it.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.http.routes": [],  # Dask's HTTP servers run without a dashboard too: they have no pages
    "distributed.worker.http.routes": [],
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(THREADS, "1"),
}


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def local(workers: int) -> Iterator[Any]:
    """A client of so many single-threaded processes on this machine, which end with it.

    They listen on ports that other users of the machine can connect to, and do what a client asks. So a client needs
    a certificate, which exists for this sweep alone and only in the memory of its processes.

    Raises RunError if they do not start.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # This is such a process, which is importing a script that starts a sweep: the one that waits for it tells.
        raise SystemExit(1)
    import dask
    from distributed import Client, LocalCluster, Security

    with dask.config.set(_SETTINGS), _quiet(), _same_environment():
        try:
            cluster = LocalCluster(
                n_workers=workers,
                protocol="tls://",
                security=Security.temporary(),
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                # Dask's HTTP server would otherwise fight over port 8787.
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                worker_dashboard_address=None,
                memory_limit=0,
                env=dict.fromkeys(THREADS, "1"),
                preload=[_CALM],
                silence_logs=logging.CRITICAL,
            )
        except (RuntimeError, OSError, TimeoutError) as error:
            raise RunError(
                f"sweep: the worker processes did not start, or were killed ({error}); a script calls cs.sweep below "
                'if __name__ == "__main__":, because the workers import it'
            ) from None
        with cluster, Client(cluster) as client:
            yield client


@contextlib.contextmanager
def _same_environment() -> Iterator[None]:
    """Dask sets the variables of its workers in this process too, and leaves them; Numba reads them at each compile."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
        if "numba" in sys.modules:
            sys.modules["numba"].config.reload_config()


@contextlib.contextmanager
def remote(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address.

    Raises InputError if it is no address, if none answers within 10 s, or if it has no workers.
    """
    import dask
    from distributed import Client, Security

    match = _ADDRESS.fullmatch(address)
    # A client that was never connected cannot be closed quietly.
    if match is None or not 0 < int(match["port"]) < 2**16:
        raise InputError(f"--scheduler {address!r}: no address; accepted: one such as {_EXAMPLE}")
    if match["scheme"] in ("tls", "wss") and Security().get_connection_args("client")["ssl_context"] is None:
        raise InputError(
            f"--scheduler {address}: no certificate is set; accepted: with distributed.comm.tls in Dask's settings"
        )
    with dask.config.set({"distributed.comm.timeouts.connect": f"{TIMEOUT}s"}), _quiet():
        try:
            client = Client(address, timeout=f"{TIMEOUT}s", set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers within {TIMEOUT} s ({reason[:120]}); accepted: the "
                f"address of a running one, such as {_EXAMPLE} (start it with: dask scheduler)"
            ) from None
        with client:
            try:
                client.wait_for_workers(1, timeout=TIMEOUT)
            except TimeoutError:
                raise InputError(
                    f"--scheduler {address}: it has no workers; start some: dask worker {address} --nthreads 1"
                ) from None
            yield client


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own log is silent: what a user should know of lost workers and points, the sweep tells."""
    # Dask gives some of its loggers levels of their own, so that only the handlers of their parent silence them all.
    loggers = [logging.getLogger(name) for name in ("tornado.application", "asyncio")]
    voices: list[Any] = [*loggers, *logging.getLogger("distributed").handlers]
    before = [voice.level for voice in voices]
    for voice in voices:
        voice.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for voice, level in zip(voices, before, strict=True):
            voice.setLevel(level)


def workers(client: Any) -> dict[str, str]:
    """Address -> host of the workers that are there."""
    there = client.scheduler_info(n_workers=-1)["workers"]
    return {address: about["host"] for address, about in there.items()}


def threads(client: Any) -> int:
    """How many points can run at once."""
    return sum(client.nthreads().values())
