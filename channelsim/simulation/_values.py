"""What one sees of a run from outside: synapses as arrays with names, and the values of the last frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import trace
from channelsim.errors import InputError
from channelsim.plan import Direction, Plan, Watched


class Synapses(dict[str, NDArray[Any]]):
    """Copies of W, b or C by name, as `Trace.weights` has them; `dims` has the names of each one's dimensions."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], dims: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(arrays)
        self.dims = dict(dims)


def synapses(plan: Plan, snapshot: trace.Snapshot, what: str) -> Synapses:
    """All W ("weights"), all b ("biases"), or all C with the ends of their wires ("feedback")."""
    found = trace.arrays_of(plan, snapshot, what)
    return Synapses(
        {name: array for name, (array, _) in found.items()}, {name: dims for name, (_, dims) in found.items()}
    )


@dataclass(frozen=True)
class Values:
    """Values of one frame at one place.

    Attributes:
        frame: which frame, counted from 0.
        images: (samples,) int64, the places of its samples in the training set.
        values: (samples, units) float32.
        time_ps: when they were computed, sent or handed over, ps.
    """

    frame: int
    images: NDArray[np.int64]
    values: NDArray[np.float32]
    time_ps: int


class Sight:
    """The values that were written down last, by kind and place."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._last: dict[tuple[int, int], Values] = {}

    def take(self, rows: NDArray[Any], values: NDArray[np.float32]) -> None:
        """VALUE_ROW records and their values. All rows of a frame at a place come together."""
        places = len(self._plan.layers) + len(self._plan.channels)
        keys = rows["kind"] * places + rows["place"]
        for key in np.unique(keys):
            of_key = rows[keys == key]
            found = of_key[of_key["frame"] == of_key["frame"][-1]]
            starts, n = found["start"], int(found["n"][0])
            self._last[divmod(int(key), places)] = Values(
                int(found["frame"][0]),
                found["image"].copy(),
                values[starts[:, None] + np.arange(n)],
                int(found["time"][-1]),
            )

    def at(self, kind: Watched, where: int | str) -> Values:
        """The last ones of a kind at a layer (by number), or on a channel: by name, or that of the layer's input.

        Raises InputError where there are none.
        """
        found = self._last.get((int(kind), self._place(kind, where)))
        if found is None:
            raise InputError(
                f"{kind.name.lower()}({where!r}): no frame has been seen there yet; accepted: after a step"
            )
        return found

    def _place(self, kind: Watched, where: int | str) -> int:
        plan, name = self._plan, kind.name.lower()
        if kind in (Watched.ACTIVITY, Watched.ERROR):
            learns = {int(c["target"]) for c in plan.channels if c["direction"] == Direction.LEARNING} | {plan.top}
            layers = list(range(1, plan.top + 1)) if kind == Watched.ACTIVITY else sorted(learns)
            if where not in layers or isinstance(where, bool | str):
                raise InputError(f"{name}({where!r}): no such layer; accepted: {', '.join(map(str, layers))}")
            return int(where)
        channel = f"forward.{where}" if isinstance(where, int) else where
        if channel not in plan.channel_names:
            raise InputError(
                f"{name}({where!r}): no such channel; accepted: {', '.join(plan.channel_names)}, or a layer's number"
            )
        return plan.channel_names.index(channel)
