"""Scenario -> flat tables and buffers: the only thing that the engine and the reference see."""

from channelsim.plan.build import Change, Plan, Tables, build, ideal_backpropagation, tables
from channelsim.plan.channels import is_ideal
from channelsim.plan.clock import CLOCK_END, refuse_long_steps
from channelsim.plan.edges import Edge
from channelsim.plan.layout import (
    CHANNEL,
    COUNTER,
    LAYER,
    LINK,
    MESSAGE_ROW,
    SMALLEST_UNIT,
    Direction,
    Encoding,
    Jitter,
    Kind,
    Quantizer,
    Residual,
    Scale,
    Transfer,
    units_counted,
)
from channelsim.plan.targets import unreachable
from channelsim.rules import Message, Wiring

__all__ = [
    "CHANNEL",
    "CLOCK_END",
    "COUNTER",
    "LAYER",
    "LINK",
    "MESSAGE_ROW",
    "SMALLEST_UNIT",
    "Change",
    "Direction",
    "Edge",
    "Encoding",
    "Jitter",
    "Kind",
    "Message",
    "Plan",
    "Quantizer",
    "Residual",
    "Scale",
    "Tables",
    "Transfer",
    "Wiring",
    "build",
    "ideal_backpropagation",
    "is_ideal",
    "refuse_long_steps",
    "tables",
    "units_counted",
    "unreachable",
]
