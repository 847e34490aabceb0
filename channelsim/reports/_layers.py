"""Which layers receive errors."""

from __future__ import annotations

from channelsim.trace import Trace


def error_layers(trace: Trace) -> list[str]:
    """The hidden layers that receive errors, from the lowest one up."""
    names = {name.partition(".")[2].partition(".")[0] for name in trace.channel_names if name.startswith("learning.")}
    return sorted(names, key=lambda name: (len(name), name))
