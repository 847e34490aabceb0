"""Signals that end a process, and Ctrl-C in places from which Python passes no exception on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import Any

import pytest

from channelsim import signals


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def lost() -> None:
    """Ctrl-C in a callback that swallows it."""
    with contextlib.suppress(KeyboardInterrupt):
        press()


class InAFinalizer:
    def __del__(self) -> None:
        press()


def test_ctrl_c_interrupts_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), signals.kept_ctrl_c():
        press()
        pytest.fail("not reached")


@pytest.mark.parametrize("error", [None, ValueError("no compiled object yet")])
def test_a_ctrl_c_that_was_lost_is_raised_at_the_end(error: Exception | None) -> None:
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), signals.kept_ctrl_c() as pressed:
        lost()
        assert pressed
        if error:
            raise error
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


def test_a_ctrl_c_that_python_cannot_pass_on_is_not_reported_as_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), signals.kept_ctrl_c():
        InAFinalizer()
    assert capsys.readouterr().err == ""


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="own"), signals.kept_ctrl_c():
        raise ValueError("own")


@pytest.mark.parametrize("number", signals.ENDING)
def test_ending_signals_are_ctrl_c(number: int) -> None:
    with signals.as_ctrl_c() as came:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert came == [number]
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.as_ctrl_c() as came:
            os.kill(os.getpid(), signal.SIGHUP)
        assert came == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_signals_alone() -> None:
    seen: list[Any] = []

    def work() -> None:
        with signals.as_ctrl_c(), signals.kept_ctrl_c(), signals.in_order():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
