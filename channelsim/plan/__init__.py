"""Scenario -> flat tables and buffers: the only thing that the engine and the reference see."""

from channelsim.plan.build import Change, Plan, Tables, build, ideal_backpropagation, tables
from channelsim.plan.channels import is_ideal
from channelsim.plan.clock import CLOCK_END, refuse_long_steps
from channelsim.plan.edges import Edge, array_suffix
from channelsim.plan.layout import (
    CHANNEL,
    COUNTER,
    LAYER,
    LINK,
    MESSAGE_ROW,
    SMALLEST_UNIT,
    VALUE_ROW,
    Direction,
    Distribution,
    Encoding,
    Jitter,
    Kind,
    Quantizer,
    RateDecay,
    Residual,
    Scale,
    Transfer,
    units_counted,
)
from channelsim.plan.own import OwnStage
from channelsim.plan.own_rule import FIRST_STEP_DRAW, OwnRule
from channelsim.plan.recorded import Places, frames_of, places_of, recording_of
from channelsim.plan.recording import ALL, Recording, Series, Snapshots, Watched, Window
from channelsim.plan.targets import unreachable
from channelsim.rules import Message, Wiring

__all__ = [
    "ALL",
    "CHANNEL",
    "CLOCK_END",
    "COUNTER",
    "FIRST_STEP_DRAW",
    "LAYER",
    "LINK",
    "MESSAGE_ROW",
    "SMALLEST_UNIT",
    "VALUE_ROW",
    "Change",
    "Direction",
    "Distribution",
    "Edge",
    "Encoding",
    "Jitter",
    "Kind",
    "Message",
    "OwnRule",
    "OwnStage",
    "Places",
    "Plan",
    "Quantizer",
    "RateDecay",
    "Recording",
    "Residual",
    "Scale",
    "Series",
    "Snapshots",
    "Tables",
    "Transfer",
    "Watched",
    "Window",
    "Wiring",
    "array_suffix",
    "build",
    "frames_of",
    "ideal_backpropagation",
    "is_ideal",
    "places_of",
    "recording_of",
    "refuse_long_steps",
    "tables",
    "units_counted",
    "unreachable",
]
