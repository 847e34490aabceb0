"""Ctrl-C where Python would lose it; SIGTERM and SIGHUP, by which job schedulers and closed terminals end a process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def as_ctrl_c() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP do what Ctrl-C does at that moment; yields a list of those that came.

    A signal that is ignored (as with nohup), or that someone else sees to, stays as it is.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        ctrl_c = signal.getsignal(signal.SIGINT)
        (ctrl_c if callable(ctrl_c) else signal.default_int_handler)(number, frame)

    taken = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def in_order() -> Iterator[None]:
    """The same, and when all is put away the process ends by that signal, as it would have at once."""
    came: list[int] = []
    try:
        with as_ctrl_c() as came:
            yield
    finally:
        if came:
            os.kill(os.getpid(), came[0])


@contextmanager
def kept_ctrl_c() -> Iterator[list[bool]]:
    """Ctrl-C raises KeyboardInterrupt as ever, and at the latest at the end; yields a list that then holds something.

    In a callback (of the garbage collector, or of LLVM while it compiles) Python cannot pass an exception on: it would
    be lost, or come out as another one of whatever was called back.
    """
    pressed: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def interrupt(*_: object) -> None:
        pressed.append(True)
        raise KeyboardInterrupt

    def report(lost: sys.UnraisableHookArgs) -> None:
        if not (pressed and isinstance(lost.exc_value, KeyboardInterrupt)):
            before_report(lost)

    before, before_report = signal.signal(signal.SIGINT, interrupt), sys.unraisablehook
    sys.unraisablehook = report
    try:
        yield pressed
    except Exception:
        if not pressed:
            raise
    finally:
        sys.unraisablehook = before_report
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
