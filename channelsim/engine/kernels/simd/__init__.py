"""Vector code: the inner loops, written in LLVM's vector instructions. Padding and width are its own business.

May import `compile` and the hash. `code` has the building blocks, `kernel` makes a kernel of a plain function and its
code; the other modules hold the kernels, each with the plain form that says what it does.
"""

from channelsim.engine.kernels.simd.draws import add_noise, draw_normals, drop, list_hits, round_randomly
from channelsim.engine.kernels.simd.events import compact, count_events, deliver, mark, pass_threshold, take_from
from channelsim.engine.kernels.simd.groups import add_listed, list_columns, list_rows
from channelsim.engine.kernels.simd.memory import copy, fill, prefetch, scatter, take, transpose
from channelsim.engine.kernels.simd.products import dot_rows, matmul
from channelsim.engine.kernels.simd.rows import (
    add_rows,
    catch_up_and_add_rows,
    catch_up_rows,
    grow_rows,
    scale_and_add,
    update_and_add_rows,
)
from channelsim.engine.kernels.simd.sums import are_finite, largest, sum_of_squares

__all__ = [
    "add_listed",
    "add_noise",
    "add_rows",
    "are_finite",
    "catch_up_and_add_rows",
    "catch_up_rows",
    "compact",
    "copy",
    "count_events",
    "deliver",
    "dot_rows",
    "draw_normals",
    "drop",
    "fill",
    "grow_rows",
    "largest",
    "list_columns",
    "list_hits",
    "list_rows",
    "mark",
    "matmul",
    "pass_threshold",
    "prefetch",
    "round_randomly",
    "scale_and_add",
    "scatter",
    "sum_of_squares",
    "take",
    "take_from",
    "transpose",
    "update_and_add_rows",
]
