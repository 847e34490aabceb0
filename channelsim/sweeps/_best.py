"""Each variant at its own best value of a key, such as the learning rate, chosen on validation samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from channelsim.errors import InputError
from channelsim.sweeps._labels import number
from channelsim.sweeps._store import DONE

if TYPE_CHECKING:
    import pandas as pd

_CHOSEN_BY = ("validation_accuracy", "validation_r2")


def best_over(table: pd.DataFrame, key: str, swept: Sequence[str]) -> pd.DataFrame:
    """The rows at the value of `key` with the highest mean validation accuracy (or R^2) over seeds, for each
    combination of the other swept keys.

    A value at which a point has failed, as by divergence, is not chosen; of equal ones the smallest is. The test set
    has no part in the choice.

    Raises InputError where no samples were held out for validation.
    """
    import pandas as pd

    measure = next((name for name in _CHOSEN_BY if name in table.columns and table[name].notna().any()), None)
    if measure is None:
        raise InputError(
            f"plot: --best-over {key}: no point has a validation accuracy, and the test set must not choose; accepted: "
            "a sweep with data.validation = N"
        )
    others = [name for name in swept if name not in (key, "seed") and table[name].nunique(dropna=False) > 1]
    chosen = []
    for _, rows in table.groupby(others, sort=False, dropna=False) if others else [((), table)]:
        scores = {}
        for value, tries in rows.groupby(key, sort=False, dropna=False):
            whole = (tries["status"] == DONE).all() and tries[measure].notna().all()
            scores[value] = float(tries[measure].mean()) if whole else -math.inf
        best = max(scores, key=lambda value: (scores[value], -(number(value) or 0.0)))
        if scores[best] > -math.inf:
            chosen.append(rows[rows[key] == best])
    if not chosen:
        raise InputError(f"plot: --best-over {key}: at every value some point has failed; accepted: a sweep with more")
    return pd.concat(chosen)
