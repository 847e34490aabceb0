"""channelsim: an event-driven simulator of the deep learning channel.

    import channelsim as cs
    result = cs.run(cs.load("scenarios/digits-srbp.toml"))

The public names below are imported when they are first used (PEP 562), so that `import channelsim` costs
milliseconds and nobody pays for Numba, HDF5 or PyTorch before they need it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from channelsim import data as data
    from channelsim.check import Check as Check
    from channelsim.check import check as check
    from channelsim.errors import InputError as InputError
    from channelsim.errors import RunError as RunError
    from channelsim.plots import plot as plot
    from channelsim.progress import Progress as Progress
    from channelsim.result import Result as Result
    from channelsim.run import run as run
    from channelsim.scenario import Model as Model
    from channelsim.scenario import Scenario as Scenario
    from channelsim.scenario import load as load
    from channelsim.scenario import schema as schema
    from channelsim.sweep import sweep as sweep
    from channelsim.sweep.plots import plot_sweep as plot_sweep
    from channelsim.trace import Trace as Trace
    from channelsim.verify import Verification as Verification
    from channelsim.verify import verify as verify

# Public name -> the module that defines it. A name that is its own module is the module itself.
_HOME = {
    "Check": "channelsim.check",
    "InputError": "channelsim.errors",
    "Model": "channelsim.scenario",
    "Progress": "channelsim.progress",
    "Result": "channelsim.result",
    "RunError": "channelsim.errors",
    "Scenario": "channelsim.scenario",
    "Trace": "channelsim.trace",
    "Verification": "channelsim.verify",
    "check": "channelsim.check",
    "data": "channelsim.data",
    "load": "channelsim.scenario",
    "plot": "channelsim.plots",
    "plot_sweep": "channelsim.sweep.plots",
    "run": "channelsim.run",
    "schema": "channelsim.scenario",
    "sweep": "channelsim.sweep",
    "verify": "channelsim.verify",
}

__all__ = ["__version__", *sorted(_HOME)]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("channelsim")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_HOME[name])
    value = module if name == "data" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Keeps `channelsim.run` and `channelsim.verify` the functions.

    Python binds an imported submodule on its package. Without this, importing `channelsim.run` anywhere
    first would make `channelsim.run` the module, and whether `cs.run(scenario)` works would hang on the order
    of imports.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and name in _HOME and name != "data":
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
