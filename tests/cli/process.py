"""The command line as its users have it: a process, with its streams, its exit status, and a terminal if wanted."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "channelsim"]

SMALL = """
name = "small"
seed = 3
[model]
name = "small"
input = [64]
[[model.layers]]
kind = "dense"
units = 12
transfer = "tanh"
[[model.layers]]
kind = "dense"
units = 10
transfer = "softmax"
[data]
name = "digits"
train = 300
test = 100
[training]
epochs = 2
batch = 10
learning_rate = 0.2
[learning]
rule = "srbp"
[channels.learning]
quantize = { kind = "log2", exponents = 3 }
latency = "20 us"
bandwidth = "10 Mbit/s"
"""
"""A scenario of a fraction of a second."""


@dataclass(frozen=True)
class Outcome:
    """A process that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """The tests' environment, with terminal settings that do not depend on where they run."""
    plain = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "FORCE_COLOR", "NO_COLOR"}}
    return {**plain, "COLUMNS": "160", "TERM": "xterm", "OPENBLAS_NUM_THREADS": "1", **more}


def channelsim(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = COMMAND,
    timeout: float = 240,
) -> Outcome:
    """`channelsim ARGUMENTS` in `cwd`, without a terminal."""
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def on_terminal(*arguments: str | Path, cwd: Path, timeout: float = 240) -> Outcome:
    """`channelsim ARGUMENTS` on a pseudo-terminal; everything that the terminal saw is in `out`."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        close_fds=True,
    )
    os.close(follower)
    seen = b""
    deadline = time.monotonic() + timeout
    with process:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([leader], [], [], 1.0)
            try:
                read = os.read(leader, 65536) if ready else b""
            except OSError:  # Linux says EIO when the last writer is gone
                break
            if ready and not read:
                break
            seen += read
        else:
            process.kill()
    os.close(leader)
    return Outcome(process.returncode, seen.decode(), "")


def assert_one_error_line(outcome: Outcome, *words: str) -> None:
    """Exit status 2, nothing on stdout, and one line on stderr that holds these words."""
    assert (outcome.status, outcome.out) == (2, "")
    lines = outcome.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), outcome.err
    for word in words:
        assert word in lines[0]
