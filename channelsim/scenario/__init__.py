"""What the user wrote, validated: TOML or Python -> `Scenario`.

`load` reads a file, `Scenario(...)` builds one in Python, `schema` is the JSON Schema by which editors
complete and check the file. A scenario is immutable; `Scenario.with_` makes variations.
"""

from __future__ import annotations

from channelsim.scenario._channel import (
    BitErrors,
    Channel,
    Drop,
    Ends,
    Jitter,
    Link,
    LowPrecision,
    Noise,
    Quantize,
    Threshold,
    channel_name,
    names_of,
)
from channelsim.scenario._document import parse_key
from channelsim.scenario._layers import AvgPool, Conv2d, Dense, Flatten, Layer, MaxPool, Shape, shape_in_words
from channelsim.scenario._learning import Feedback, Learning
from channelsim.scenario._load import load, load_model
from channelsim.scenario._model import Model, Weights
from channelsim.scenario._own import Own
from channelsim.scenario._own_rule import OwnRule, refuse_undeclared
from channelsim.scenario._recording import SYNAPSES, Record, Window
from channelsim.scenario._scenario import Scenario, only_scenario
from channelsim.scenario._schema import schema
from channelsim.scenario._sections import (
    Change,
    Compute,
    Data,
    EnergyCosts,
    Idx,
    Schedule,
    Synapses,
    Trace,
    Training,
)
from channelsim.scenario._sweep import Axis, Draw, Grid, with_unit
from channelsim.scenario._table import nearest
from channelsim.scenario._theory import system_from
from channelsim.scenario._words import in_words, summary

__all__ = [
    "SYNAPSES",
    "AvgPool",
    "Axis",
    "BitErrors",
    "Change",
    "Channel",
    "Compute",
    "Conv2d",
    "Data",
    "Dense",
    "Draw",
    "Drop",
    "Ends",
    "EnergyCosts",
    "Feedback",
    "Flatten",
    "Grid",
    "Idx",
    "Jitter",
    "Layer",
    "Learning",
    "Link",
    "LowPrecision",
    "MaxPool",
    "Model",
    "Noise",
    "Own",
    "OwnRule",
    "Quantize",
    "Record",
    "Scenario",
    "Schedule",
    "Shape",
    "Synapses",
    "Threshold",
    "Trace",
    "Training",
    "Weights",
    "Window",
    "channel_name",
    "in_words",
    "load",
    "load_model",
    "names_of",
    "nearest",
    "only_scenario",
    "parse_key",
    "refuse_undeclared",
    "schema",
    "shape_in_words",
    "summary",
    "system_from",
    "with_unit",
]
