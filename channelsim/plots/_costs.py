"""What a bit, an operation and a synapse cost, by the scenario of a trace."""

from __future__ import annotations

from channelsim.accounting import Costs
from channelsim.trace import Trace
from channelsim.units import parse_energy


def energy_costs(trace: Trace) -> Costs:
    """J of a bit, a multiply-accumulate, a synapse read and one written (docs/design.md, section 7)."""
    table = trace.resolved["energy"]
    bit, mac, read, write = (parse_energy(table[key]) for key in ("bit", "mac", "synapse_read", "synapse_write"))
    return bit, mac, read, write
