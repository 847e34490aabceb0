"""What comes of an action in a process of its own: done, refused in one line, a traceback, a crash, or no end."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

from channelsim.errors import InputError, RunError

DONE, REFUSED, STOPPED, TRACEBACK, CRASH, HANG = "done", "refused", "stopped", "traceback", "crash", "hang"
SOUND = {DONE, REFUSED, STOPPED}
"""Outcomes of which the user is told in words."""


def outcome(action: Callable[[], object], seconds: int = 60) -> tuple[str, str]:
    """The kind, and what was said: of a fork of this process, which ends with the action."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
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
    return kind, text


def _of(action: Callable[[], object]) -> tuple[str, str]:
    try:
        return DONE, str(action() or "")
    except InputError as error:
        return (REFUSED if len(str(error).splitlines()) == 1 else TRACEBACK), str(error)
    except RunError as error:
        return STOPPED, str(error)
    except BaseException:
        return TRACEBACK, traceback.format_exc()
