"""Output of the command line: errors and notes on stderr, JSON, losses."""

from __future__ import annotations

import atexit
import contextlib
import io
import math
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from channelsim.errors import printable
from channelsim.plain import json_text


def prepare() -> None:
    """Make stdout and stderr fit for any text: what they cannot encode is written as escapes, and a stream that was
    closed before the program began swallows what is written."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for as long as the process)
            atexit.register(nowhere.close)
            setattr(sys, name, nowhere)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon(*streams: TextIO) -> None:
    """Let streams whose reader is gone swallow what they still hold. Python would complain when it closes them."""
    for stream in streams:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def error(message: str) -> None:
    """One line on stderr."""
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)


def note(message: str) -> None:
    """Something a person should know, on stderr, away from results."""
    print(printable(message), file=sys.stderr)


def warn(sentences: Iterable[str]) -> None:
    """Warnings about a scenario or its data, a line each, each once."""
    for sentence in dict.fromkeys(sentences):
        note(f"warning: {sentence}")


def print_json(value: Any) -> None:
    """One JSON object on stdout. Numbers that JSON does not know (NaN, infinity) become null, and characters that
    stdout cannot encode, escapes of JSON."""
    print(json_text(value, indent=2, encoding=getattr(sys.stdout, "encoding", None) or "utf-8"))


def number(value: float) -> str:
    """A loss with four decimals, or a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.4f}"
