"""What comes of an action in a process of its own: done, refused in one line, a traceback, a crash, or no end.

And what that says of a case of the campaign, in the columns of its table.
"""

from __future__ import annotations

import os
import resource
import signal
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from channelsim.errors import InputError, RunError

DONE, REFUSED, STOPPED, TRACEBACK, CRASH, HANG = "done", "refused", "stopped", "traceback", "crash", "hang"
SOUND = {DONE, REFUSED, STOPPED}
"""Outcomes of which the user is told in words."""

IDENTICAL, ON_PURPOSE, DIFFERENT, SKIPPED = "identical", "made up", "different", "skipped"
COLUMNS = {
    IDENTICAL: "identical",
    REFUSED: "refused in one line",
    ON_PURPOSE: "another one, on purpose",
    TRACEBACK: "traceback",
    CRASH: "crash",
    HANG: "hang",
    DIFFERENT: "silently different",
    SKIPPED: "skipped",
}
"""What a case can come to, and how the table calls it. `made up` has its checksum made right: it is another run, which
nothing can tell, and may do anything but bring the process down."""
FAILURES = (TRACEBACK, CRASH, HANG, DIFFERENT)
_BY_HARM = (*FAILURES, ON_PURPOSE, REFUSED, IDENTICAL, SKIPPED)


@dataclass(frozen=True)
class Verdict:
    """What a case has come to. kind: a key of `COLUMNS`; count: of kills, say, in this case."""

    kind: str
    text: str = ""
    count: int = 1


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """That which does the most harm."""
    return min(verdicts, key=lambda one: _BY_HARM.index(one.kind))


def verdict(found: tuple[str, str], done: str = IDENTICAL, about: str = "") -> Verdict:
    """Of an `outcome`, where `done` is what it means to be done."""
    kind, text = found
    return Verdict({DONE: done, STOPPED: REFUSED}.get(kind, kind), f"{about}: {text}" if about else text)


def outcome(
    action: Callable[[], object], seconds: int = 120, user: int | None = None, memory: int | None = None
) -> tuple[str, str]:
    """The kind, and what was said: of a fork of this process, which ends with the action.

    Arguments:
        seconds: until it counts as a hang.
        user: the fork is one of another user (this process is root's).
        memory: bytes of address space that the fork may ask for, beside what it has.
    """
    reading, writing = os.pipe()
    child = fork()
    if not child:
        os.close(reading)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory,) * 2)
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        kind, text = _of(action)
        os.write(writing, f"{kind}\n{text}"[:60_000].encode(errors="replace"))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return (HANG if number == signal.SIGALRM else CRASH), signal.Signals(number).name
    kind, _, text = said.partition("\n")
    return kind or CRASH, text


def fork() -> int:
    """`os.fork`, also where other threads of this process wait for work, against which Python warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _of(action: Callable[[], object]) -> tuple[str, str]:
    try:
        return DONE, str(action() or "")
    except InputError as error:
        return (REFUSED if len(str(error).splitlines()) == 1 else TRACEBACK), str(error)
    except RunError as error:
        return STOPPED, str(error)
    except MemoryError as error:  # which the command line tells in one line
        return REFUSED, str(error)
    except BaseException:
        return TRACEBACK, traceback.format_exc()


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
