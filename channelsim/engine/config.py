"""Every tuning constant of the engine: they set how fast it is and how much memory it takes, never what it computes.

Importing this module does not import Numba, so that memory can be estimated without it. A constant says what it was
measured on, or why it has its value.
"""

from __future__ import annotations

CACHE_LINE_VALUES = 16
"""float32 values in a cache line of 64 bytes."""

MAP_PARTS, MAP_PART_SAMPLES = 16, 32
"""Work on maps is divided into at most so many parts, each with at least so many samples and with scratch memory of its
own. Parts depend on sizes alone, so that sums do not depend on the number of threads."""

EVALUATED_SAMPLES, EVALUATED_VALUES = 500, 4_000_000
"""An evaluation passes so many samples at a time, fewer where a layer's output would have more values than this."""
