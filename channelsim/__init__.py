"""channelsim: an event-driven simulator of the deep learning channel.

    import channelsim as cs
    result = cs.run(cs.load("scenarios/digits-srbp.toml"))

The public names below are imported when they are first used (PEP 562), so that `import channelsim` costs
milliseconds, and Numba, HDF5 and PyTorch are loaded only by what needs them. No module is named like a public
function: Python binds an imported module on its package, where it would take the function's place.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from channelsim import data as data
    from channelsim._check import Check as Check
    from channelsim._check import check as check
    from channelsim._run import run as run
    from channelsim._verify import Verification as Verification
    from channelsim._verify import verify as verify
    from channelsim.data import Dataset as Dataset
    from channelsim.errors import InputError as InputError
    from channelsim.errors import RunError as RunError
    from channelsim.interchange import from_torch as from_torch
    from channelsim.live import Live as Live
    from channelsim.plots import plot as plot
    from channelsim.progress import Progress as Progress
    from channelsim.reports import report as report
    from channelsim.result import Result as Result
    from channelsim.scenario import AvgPool as AvgPool
    from channelsim.scenario import BitErrors as BitErrors
    from channelsim.scenario import Change as Change
    from channelsim.scenario import Channel as Channel
    from channelsim.scenario import Compute as Compute
    from channelsim.scenario import Conv2d as Conv2d
    from channelsim.scenario import Data as Data
    from channelsim.scenario import Dense as Dense
    from channelsim.scenario import Drop as Drop
    from channelsim.scenario import EnergyCosts as EnergyCosts
    from channelsim.scenario import Feedback as Feedback
    from channelsim.scenario import Flatten as Flatten
    from channelsim.scenario import Idx as Idx
    from channelsim.scenario import Jitter as Jitter
    from channelsim.scenario import Learning as Learning
    from channelsim.scenario import Link as Link
    from channelsim.scenario import MaxPool as MaxPool
    from channelsim.scenario import Model as Model
    from channelsim.scenario import Noise as Noise
    from channelsim.scenario import Own as Own
    from channelsim.scenario import Quantize as Quantize
    from channelsim.scenario import Record as Record
    from channelsim.scenario import Scenario as Scenario
    from channelsim.scenario import Schedule as Schedule
    from channelsim.scenario import Synapses as Synapses
    from channelsim.scenario import Threshold as Threshold
    from channelsim.scenario import Training as Training
    from channelsim.scenario import Weights as Weights
    from channelsim.scenario import Window as Window
    from channelsim.scenario import load as load
    from channelsim.scenario import schema as schema
    from channelsim.simulation import Simulation as Simulation
    from channelsim.sweeps import sweep as sweep
    from channelsim.sweeps.plots import plot_sweep as plot_sweep
    from channelsim.timelines import timeline as timeline
    from channelsim.trace import Trace as Trace

# Public name -> the module that defines it. "data" is the module itself.
_HOME = {
    "AvgPool": "channelsim.scenario",
    "BitErrors": "channelsim.scenario",
    "Change": "channelsim.scenario",
    "Channel": "channelsim.scenario",
    "Check": "channelsim._check",
    "Compute": "channelsim.scenario",
    "Conv2d": "channelsim.scenario",
    "Data": "channelsim.scenario",
    "Dataset": "channelsim.data",
    "Dense": "channelsim.scenario",
    "Drop": "channelsim.scenario",
    "EnergyCosts": "channelsim.scenario",
    "Feedback": "channelsim.scenario",
    "Flatten": "channelsim.scenario",
    "Idx": "channelsim.scenario",
    "InputError": "channelsim.errors",
    "Jitter": "channelsim.scenario",
    "Learning": "channelsim.scenario",
    "Link": "channelsim.scenario",
    "Live": "channelsim.live",
    "MaxPool": "channelsim.scenario",
    "Model": "channelsim.scenario",
    "Noise": "channelsim.scenario",
    "Own": "channelsim.scenario",
    "Progress": "channelsim.progress",
    "Quantize": "channelsim.scenario",
    "Record": "channelsim.scenario",
    "Result": "channelsim.result",
    "RunError": "channelsim.errors",
    "Scenario": "channelsim.scenario",
    "Schedule": "channelsim.scenario",
    "Simulation": "channelsim.simulation",
    "Synapses": "channelsim.scenario",
    "Threshold": "channelsim.scenario",
    "Trace": "channelsim.trace",
    "Training": "channelsim.scenario",
    "Verification": "channelsim._verify",
    "Weights": "channelsim.scenario",
    "Window": "channelsim.scenario",
    "check": "channelsim._check",
    "data": "channelsim.data",
    "from_torch": "channelsim.interchange",
    "load": "channelsim.scenario",
    "plot": "channelsim.plots",
    "plot_sweep": "channelsim.sweeps.plots",
    "report": "channelsim.reports",
    "run": "channelsim._run",
    "schema": "channelsim.scenario",
    "sweep": "channelsim.sweeps",
    "timeline": "channelsim.timelines",
    "verify": "channelsim._verify",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("channelsim.version").version()
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_HOME[name])
    value = module if name == "data" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
