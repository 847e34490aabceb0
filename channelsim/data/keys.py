"""The keys of an .npz file: which are read, and what others were probably meant for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PARTS = ("train", "test", "validation")

_WORDS = {
    "train": ("train", "training", "tr", "fit"),
    "test": ("test", "testing", "te", "holdout"),
    "validation": ("validation", "valid", "validate", "val", "dev"),
    "x": ("x", "images", "image", "imgs", "data", "inputs", "input", "features", "samples", "pixels"),
    "y": ("y", "labels", "label", "targets", "target", "classes", "class", "outputs", "t"),
}
_ACCEPTED = "train_x, train_y, and optionally test_x, test_y, validation_x and validation_y"


def meant(key: str) -> str | None:
    """The key that another name for it stands for: X_train, trainImages and training-set/x are train_x."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", key)]
    joined = [re.fullmatch(r"([xy])(.+)|(.+)([xy])", word) for word in words]  # xtrain, trainx
    words += [piece for match in joined if match for piece in match.groups() if piece]
    found = {name for word in words for name, others in _WORDS.items() if word in others}
    parts, sides = [part for part in PARTS if part in found], [side for side in "xy" if side in found]
    return f"{parts[0]}_{sides[0]}" if len(parts) == len(sides) == 1 else None


def missing(key: str, found: Sequence[str], file: str) -> str:
    """What to tell of a key that is not there: those that are, which of them was meant, and what to do."""
    text = f"{key} is missing (found: {', '.join(sorted(found)) or 'no arrays'}); accepted are {_ACCEPTED}"
    renamed = {meant(other): other for other in sorted(found)}
    if key in renamed:
        arrays = ", ".join(
            f'{name}=old["{renamed[name]}"]'
            for name in (f"{part}_{side}" for part in PARTS for side in "xy")
            if name in renamed
        )
        return f'{text}: {renamed[key]} seems to be it; save them as np.savez("{file}", {arrays}), old = np.load(...)'
    if found and all(re.fullmatch(r"arr_\d+", other) for other in found):
        return f"{text}: these were saved without names; name them: np.savez({file!r}, train_x=..., train_y=..., ...)"
    if not any(meant(other) for other in found) and {"x", "y"} <= {other.lower() for other in found}:
        return f"{text}: x and y are one set; save a part of it for training and the rest as the test set"
    return text


def unread(others: Iterable[str], path: Path) -> list[str]:
    """Warnings about arrays that are not read, although they seem to be a part of the set."""
    guessed = {other: meant(other) for other in others}
    named = ", ".join(f"{other} (save it as {name})" for other, name in guessed.items() if name)
    return [f"{path.name}: not read, but seems to be a part of the set: {named}"] if named else []
