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
    from channelsim.errors import InputError as InputError
    from channelsim.errors import RunError as RunError
    from channelsim.plots import plot as plot
    from channelsim.progress import Progress as Progress
    from channelsim.result import Result as Result
    from channelsim.scenario import Model as Model
    from channelsim.scenario import Scenario as Scenario
    from channelsim.scenario import load as load
    from channelsim.scenario import schema as schema
    from channelsim.sweeps import sweep as sweep
    from channelsim.sweeps.plots import plot_sweep as plot_sweep
    from channelsim.timelines import timeline as timeline
    from channelsim.trace import Trace as Trace

# Public name -> the module that defines it. "data" is the module itself.
_HOME = {
    "Check": "channelsim._check",
    "InputError": "channelsim.errors",
    "Model": "channelsim.scenario",
    "Progress": "channelsim.progress",
    "Result": "channelsim.result",
    "RunError": "channelsim.errors",
    "Scenario": "channelsim.scenario",
    "Trace": "channelsim.trace",
    "Verification": "channelsim._verify",
    "check": "channelsim._check",
    "data": "channelsim.data",
    "load": "channelsim.scenario",
    "plot": "channelsim.plots",
    "plot_sweep": "channelsim.sweeps.plots",
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
