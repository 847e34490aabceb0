"""Output of the command line: errors and notes on stderr, numbers with a prefix that fits."""

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

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}


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


def quantity(value: float, unit: str) -> str:
    """`value` with three or four digits and an SI prefix: `quantity(0.0123, "s")` is "12.3 ms"."""
    if not math.isfinite(value):
        return f"{value} {unit}".rstrip()
    if value == 0:
        return f"0 {unit}".rstrip()
    exponent = min(max(3 * math.floor(math.log10(abs(value)) / 3), min(_PREFIXES)), max(_PREFIXES))
    scaled = value / 10.0**exponent
    if abs(scaled) >= 999.5 and exponent < max(_PREFIXES):  # would be rounded up to the next prefix
        exponent += 3
        scaled = value / 10.0**exponent
    digits = f"{scaled:.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}"
    return f"{digits} {_PREFIXES[exponent]}{unit}".rstrip()


def percent(share: float) -> str:
    """A share of 1 as a percentage with two decimals, or a dash where there is none."""
    return "-" if math.isnan(share) else f"{100 * share:.2f} %"


def number(value: float) -> str:
    """A loss with four decimals, or a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.4f}"
