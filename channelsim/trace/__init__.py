"""Traces: one HDF5 file a run, which is also its checkpoint. The layout is described in docs/trace.md.

writer = trace.create("runs/demo.h5", scenario.text, scenario.resolved, plan, provenance)
...
with cs.Trace("runs/demo.h5") as trace:
    trace.metrics("test")["accuracy"]
"""

from __future__ import annotations

from channelsim.trace._layout import SCHEMA_VERSION
from channelsim.trace._opening import damaged
from channelsim.trace._reader import Trace
from channelsim.trace._records import Rows, record_name, synapses_recorded
from channelsim.trace._weights import Snapshot, arrays_of
from channelsim.trace._writer import Writer, create, reopen

__all__ = [
    "SCHEMA_VERSION",
    "Rows",
    "Snapshot",
    "Trace",
    "Writer",
    "arrays_of",
    "create",
    "damaged",
    "record_name",
    "reopen",
    "synapses_recorded",
]
