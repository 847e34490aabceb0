"""How all pictures look, and how they are written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from channelsim.errors import InputError, printable
from channelsim.files import replace
from channelsim.plots._measures import Measure

FORMATS = (".png", ".svg", ".pdf")

# The colours of Okabe and Ito, told apart with any colour vision, without the yellow. Lines and markers
# differ too, with periods that share no factor with the colours', so that curves part in grey.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_NAMES = 24
"""Curves that a legend names."""
_LONGEST_NAME = 28  # characters
_WIDE = 8.0  # values of 0 or more that differ by more than this factor stand on a logarithmic axis


class Picture(Figure):
    """A figure that a notebook shows, whether or not pyplot is in use there."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png", dpi=100)
        return picture.getvalue()


def look(i: int) -> dict[str, Any]:
    """Colour, line and marker of curve number `i`, as keywords of `Axes.plot`."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": _LINES[i % len(_LINES)],
        "marker": _MARKERS[i % len(_MARKERS)],
        "markersize": 5,
        "markerfacecolor": "white",
        "linewidth": 1.6,
    }


def short(name: str) -> str:
    """A name that leaves room for what is drawn beside it, however long it was."""
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"


def tidy(axes: Axes) -> None:
    """A pale grid behind what is drawn, and no box around it."""
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def as_written(legend: Legend) -> None:
    """Names in a legend are no formulas, whatever they are written with."""
    for text in (legend.get_title(), *legend.get_texts()):
        text.set_parse_math(False)


def is_wide(values: NDArray[np.float64]) -> bool:
    """Whether values are better seen on a logarithmic axis: all above 0, and far apart."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) and finite.min() > 0 and finite.max() > _WIDE * finite.min())


def dress(axis: Any, measure: Measure, values: NDArray[np.float64]) -> None:
    """Name, unit and scale of a matplotlib axis (axes.xaxis) for a measure of these values, as drawn.

    What cannot be below 0, or above 100 %, does not get an axis that goes there.
    """
    axes, name = axis.axes, axis.axis_name
    axis.set_label_text(measure.label)
    logarithmic = measure.may_be_wide and is_wide(values)
    if logarithmic:
        getattr(axes, f"set_{name}scale")("log")
        log_ticks(axis, values)
    if measure.unit is not None:
        axis.set_major_formatter(EngFormatter(unit=measure.unit, sep="\N{NO-BREAK SPACE}"))
    low, high = sorted(getattr(axes, f"get_{name}lim")())
    least, most = measure.low, measure.high
    if not logarithmic and least is not None and low < least:
        low = least
    if most is not None and high > most:
        high = most
    if low < high:
        getattr(axes, f"set_{name}lim")(low, high)


def log_ticks(axis: Any, values: NDArray[np.float64]) -> None:
    """Ticks of a logarithmic axis: enough of them also where it spans less than two powers of ten."""
    above = values[np.isfinite(values) & (values > 0)]
    subs = (1.0, 2.0, 5.0) if above.max() < 100 * above.min() else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, target: Path) -> None:
    """Write a figure: the same one gives the same bytes. Raises InputError if it cannot be written."""
    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[target.suffix.lower()]
    try:
        # A fixed salt and no date: the same traces give the same file.
        with matplotlib.rc_context({"svg.hashsalt": "channelsim", "svg.fonttype": "none"}):
            picture = io.BytesIO()
            figure.savefig(picture, format=target.suffix[1:].lower(), dpi=150, metadata=undated)
        replace(target, picture.getvalue())
    except OSError as error:
        raise InputError(f"{target}: cannot write the picture: {error.strerror or error}") from None


def check_format(target: Path | None) -> None:
    """Raises InputError for a file of a kind that is not drawn."""
    if target is not None and target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: cannot draw a {target.suffix or 'nameless'} file; use {', '.join(FORMATS)}")
