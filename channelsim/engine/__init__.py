"""The engine: Numba over flat buffers. No Python objects inside, no I/O, no randomness but the hash.

The names below are imported when they are first used (PEP 562), for Numba takes a while. A machine compiles the code
that a run needs once, before its first frame; `seconds_to_compile` tells how long that takes. Where nothing has been
compiled yet, a command can have a second process begin by `start_early`, before it loads anything else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channelsim.engine.channel.packing import pack
    from channelsim.engine.checkpoint import restore, snapshot
    from channelsim.engine.chunks import Collect, Diverged, Tally, advance, tally
    from channelsim.engine.compile.threads import threads
    from channelsim.engine.evaluation import evaluate
    from channelsim.engine.setup.second_process import start_early
    from channelsim.engine.state import (
        State,
        rewind_probe,
        seconds_to_compile,
        settle,
        start,
        start_probe,
        watch_from,
    )

__all__ = [
    "Collect",
    "Diverged",
    "State",
    "Tally",
    "advance",
    "evaluate",
    "pack",
    "restore",
    "rewind_probe",
    "seconds_to_compile",
    "settle",
    "snapshot",
    "start",
    "start_early",
    "start_probe",
    "tally",
    "threads",
    "watch_from",
]

_MODULES = {
    "channel.packing": ("pack",),
    "compile.threads": ("threads",),
    "checkpoint": ("restore", "snapshot"),
    "evaluation": ("evaluate",),
    "chunks": ("Collect", "Diverged", "Tally", "advance", "tally"),
    "setup.second_process": ("start_early",),
    "state": ("State", "rewind_probe", "seconds_to_compile", "settle", "start", "start_probe", "watch_from"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
