"""A second process that compiles, where there is a second core.

Jobs are bytes in pipes that both processes read: the one that has read a job does it. So none is done twice, and
neither waits for the other while anything is left to do. Code is handed over in the cache, where files appear whole; a
third pipe tells what the second process has done, or that it has ended, and then the first one does the rest. Nothing
is left behind but the files of the cache.

`start_early` is meant to be called before Numba and the scenario are loaded: this module imports neither.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from channelsim.engine.compile import cache

FIRST, FIRST_FILE = 0, "loop.event_loop.advance.o"  # the job that takes longest, and that every run needs
ROOT = Path(__file__).parents[3]  # where this package was imported from
CODE = """
import sys
sys.path.insert(0, {root!r})
from channelsim.engine.setup import warm_up
warm_up.work({pipes!r}, {place!r}, {parent})
"""


class _Second:
    """The process, and the pipes to it: jobs that are needed now, jobs that are needed later, jobs that are done."""

    def __init__(self) -> None:
        self.now, self.later, self.done = pipes = [os.pipe() for _ in range(3)]
        self.open: set[int] = set()  # jobs that it may be doing, or has yet to do
        for end, _ in (self.now, self.later):
            os.set_blocking(end, False)
        ends = [self.now[0], self.later[0], self.done[1]]
        try:
            code = CODE.format(root=str(ROOT), pipes=ends, place=str(cache.writable()), parent=os.getpid())
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=ends,
            )
        except OSError:
            for end in (end for pipe in pipes for end in pipe):
                os.close(end)
            raise
        os.close(self.done[1])  # so that the pipe ends with the process

    def end(self) -> None:
        for end in (*self.now, *self.later, self.done[0]):
            os.close(end)
        self.process.kill()
        self.process.wait()


_running: list[_Second] = []  # at most one


def start() -> None:
    """Starts it, if another process can be started, and gives it the job FIRST if that is still to be done."""
    if _running or os.name != "posix" or not sys.executable or cores() < 2:
        return
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
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
        _running.pop().end()


def give(jobs: Iterable[int], *, later: bool = False) -> None:
    """Adds jobs for either process; those that are for `later` are done by the second one, after the others."""
    for second in _running:
        fresh = [job for job in jobs if job not in second.open]
        os.write((second.later if later else second.now)[1], bytes(fresh))
        second.open.update(fresh)


def taken(*, later: bool = False) -> int | None:
    """A job that this process is to do, if there is one."""
    for second in _running:
        job = _next([(second.later if later else second.now)[0]], 0.0)
        second.open.discard(-1 if job is None else job)
        return job
    return None


def wait_for(jobs: set[int]) -> None:
    """Waits until the second process has done those of these jobs that it has taken, or has ended."""
    for second in _running:
        while jobs & second.open:
            done = os.read(second.done[0], 1)
            second.open -= set(done) if done else second.open


def jobs(pipes: list[int], parent: int) -> Iterator[int]:
    """In the second process: its jobs, until the first one ends. It ends then, within a second."""
    now, later, done = pipes

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    while (job := _next([now, later], None)) is not None:
        yield job
        os.write(done, bytes([job]))


def _next(pipes: list[int], patience: float | None) -> int | None:
    """A byte from the first pipe that has one; None if none has within the patience (s), or if they are closed."""
    while ready := select.select(pipes, [], [], patience)[0]:
        for pipe in (pipe for pipe in pipes if pipe in ready):
            try:
                job = os.read(pipe, 1)
            except BlockingIOError:  # the other process was faster
                continue
            return job[0] if job else None
    return None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
