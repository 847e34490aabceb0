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

# --- mini-batches ------------------------------------------------------------------------------------------------

PARTS, PART_SAMPLES = 16, 50
"""Work on a mini-batch is divided into at most so many parts, each with at least so many samples."""

ROW_PARTS, PART_ROWS = 4, 128
"""The same of parts by rows of W, where they divide a sum over many rows of which few count."""

MAP_PART_ROWS = 32
"""Rows of W that a part of a convolution's update has at least."""

SPARSE_BELOW = 0.45
"""Share of events under which zeros are skipped; finding them pays only where there are many."""

FEW_SAMPLES = 16
"""Fewer samples are worked on one by one: lists for groups of them cost more than they spare."""

PAIR, GROUP, SPAN = 2, 4, 16
"""Samples, or rows of W, that share a list of terms; columns that are looked at together: those of a cache line."""
GROUPS = SPAN // GROUP

# --- single samples ----------------------------------------------------------------------------------------------

STEPS = 32
"""Updates of a layer that may be deferred at once. They are overwritten a half at a time."""

# --- vector code -------------------------------------------------------------------------------------------------

BLOCK = 8
"""Vectors in a strip of columns of which one row is worked on at a time."""

SUMS = {16: 16, 8: 8, 4: 8, 1: 8}
"""By lanes: vectors of sums of several rows in registers at a time, half of these."""

TILE, TILE_WIDTH = {16: 24, 8: 12, 4: 12, 1: 12}, {16: 4, 8: 2, 4: 2, 1: 2}
"""By lanes: vectors of sums of a matrix product in registers at a time, and how many of them lie side by side."""

DOT_ROWS = {16: 8, 8: 4, 4: 4, 1: 4}
"""By lanes: rows whose sums along the row are made at once, so that they do not wait for one another."""

# --- memory ------------------------------------------------------------------------------------------------------

SMALL_MATRIX, GAP_WASTE = 2**16, 1.15
"""Rows of W start on cache lines where W has at most so many values, or grows by at most this factor."""

FIRST_SLOTS = 1
"""Frames in flight that there is room for at first; it doubles when more are needed."""

AGE_BINS = 1025
"""Of a pipeline's histogram: ages of 0..1023 frames, and older."""

MESSAGE_BYTES = 8_000_000
"""Recorded messages, with their values, that are kept between two collections."""

# --- threads -----------------------------------------------------------------------------------------------------

MOST_THREADS = 256
PATIENCE = 20_000
"""Looks at a flag before others may have the core: some twenty microseconds."""

COUNTED_MESSAGES = 512
"""Of a quantized channel at least so many messages of an epoch are counted unit by unit, about twice as many at most,
so that in a large epoch it costs next to nothing."""
