"""The engine beside the theory: a scenario read as one of the paper's systems, and what the engine makes of it.

`case_of` reads the system out of a scenario (`_case`). `compare` runs the engine at some learning rates beside the
differential equation (`_paths`); `stability` holds the largest stable learning rate that the formulas give, for the
gains, delays and losses of `_loop`, against a bisection with the engine (`_stability`).
"""

from channelsim._theory._case import Case, case_of, parameters, refuse_another
from channelsim._theory._paths import Comparison, Path, compare
from channelsim._theory._stability import Stability, stability

__all__ = ["Case", "Comparison", "Path", "Stability", "case_of", "compare", "parameters", "refuse_another", "stability"]
