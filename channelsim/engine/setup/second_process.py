"""A second process that compiles, where there is a second core.

Jobs are bytes in a pipe that both processes read: who has read one does it. So none is done twice, neither waits for the
other while there is anything left to do, and what one of them leaves undone when it ends the other one does. They meet
in the cache, in which files appear whole. Nothing is left behind but these.

`start` is meant to be called early, before Numba and the scenario are loaded: this module imports neither.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from channelsim.engine.compile import cache

ROOT = Path(__file__).parents[3]  # where this package was imported from
CODE = """
import sys
sys.path.insert(0, {root!r})
from channelsim.engine.setup import warm_up
warm_up.work({pipes!r}, {place!r}, {parent})
"""
POLL = 0.01  # s
_running: list[_Second] = []  # at most one


class _Second:
    """The process, and the pipes of jobs that are needed now and of those that are needed later."""

    def __init__(self) -> None:
        self.pipes = [os.pipe(), os.pipe()]
        try:
            ends = [end for end, _ in self.pipes]
            for end in ends:
                os.set_blocking(end, False)
            code = CODE.format(root=str(ROOT), pipes=ends, place=str(cache.writable()), parent=os.getpid())
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=ends,
            )
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for pipe in self.pipes:
            for end in pipe:
                os.close(end)


FIRST, FIRST_FILE = 0, "loop.event_loop.advance.o"  # the job that takes longest, and that every run needs


def start() -> None:
    """Starts it, if another one can be started, and gives it the job FIRST if that is still to be done."""
    if _running or os.name != "posix" or cores() < 2 or os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return
    try:
        _running.append(_Second())
    except OSError:  # as on systems that allow no other process
        return
    atexit.register(stop)
    if not cache.has(FIRST_FILE):
        give([FIRST])


def start_early() -> None:
    """The same, if it is worth while: the engine has never been compiled on this machine."""
    if not cache.has(FIRST_FILE):
        start()


def stop() -> None:
    """Ends it, if it runs."""
    while _running:
        second = _running.pop()
        second.close()
        second.process.kill()
        second.process.wait()


def give(jobs: Iterable[int], *, later: bool = False) -> None:
    """Adds jobs for either process; those that are for `later` are done by the second one, after the others."""
    for second in _running:
        os.write(second.pipes[later][1], bytes(jobs))


def taken(*, later: bool = False) -> int | None:
    """A job that this process is to do, if there is one."""
    for second in _running:
        return _next([second.pipes[later][0]], 0.0)
    return None


def wait_for(is_done: Callable[[], bool]) -> None:
    """Waits until the second process has done something, or has ended, whether it has or not."""
    while _running and not is_done() and _running[0].process.poll() is None:
        time.sleep(POLL)


def jobs(pipes: list[int], parent: int) -> Iterable[int]:
    """In the second process: its jobs, until the first one ends. Then it ends within a second."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    while (job := _next(pipes, None)) is not None:
        yield job


def _next(pipes: list[int], patience: float | None) -> int | None:
    """A byte from the first pipe that has one; None if none has before the patience ends, or all are closed."""
    while ready := select.select(pipes, [], [], patience)[0]:
        for pipe in (pipe for pipe in pipes if pipe in ready):
            try:
                job = os.read(pipe, 1)
            except BlockingIOError:  # the other process was faster
                continue
            if not job:
                return None
            return job[0]
    return None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
