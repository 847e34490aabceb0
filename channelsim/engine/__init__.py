"""The engine: Numba over flat buffers. No Python objects inside, no I/O, no randomness but the hash.

The names below are imported when they are first used (PEP 562), for Numba takes a while. A machine compiles the engine
once, in the first `advance`; whoever starts a run can ask `is_cold` before, and say so.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channelsim.engine.channel.packing import pack
    from channelsim.engine.checkpoint import restore, snapshot
    from channelsim.engine.chunks import Diverged, Tally, advance, tally
    from channelsim.engine.compile.cache import is_cold
    from channelsim.engine.compile.threads import threads
    from channelsim.engine.evaluation import evaluate
    from channelsim.engine.state import State, rewind_probe, settle, start, start_probe

__all__ = [
    "Diverged",
    "State",
    "Tally",
    "advance",
    "evaluate",
    "is_cold",
    "pack",
    "restore",
    "rewind_probe",
    "settle",
    "snapshot",
    "start",
    "start_probe",
    "tally",
    "threads",
]

_MODULES = {
    "channel.packing": ("pack",),
    "compile.cache": ("is_cold",),
    "compile.threads": ("threads",),
    "checkpoint": ("restore", "snapshot"),
    "evaluation": ("evaluate",),
    "chunks": ("Diverged", "Tally", "advance", "tally"),
    "state": ("State", "rewind_probe", "settle", "start", "start_probe"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
