"""The scenarios and models that come with the package: what there are, and copies to change.

A wheel has them beside its code, under share/channelsim; in a source tree they are the folders scenarios/ and models/.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from channelsim.errors import InputError
from channelsim.files import open_regular, replace

_SOURCE_TREE = Path(__file__).resolve().parents[1]
_MARK = "scenarios/digits-srbp.toml"


@dataclass(frozen=True)
class Shipped:
    """One scenario: its name, such as "digits-srbp" or "paper/rules", and the first sentence of its file."""

    name: str
    about: str


def folder() -> Path:
    """The folder that holds scenarios/ and models/. Raises InputError where the package came without them."""
    if (_SOURCE_TREE / _MARK).is_file():
        return _SOURCE_TREE
    try:
        installed = files("channelsim") or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        path = Path(str(file.locate())).resolve()
        if file.as_posix().endswith(f"share/channelsim/{_MARK}") and path.is_file():
            return path.parents[1]
    raise InputError("scenarios: this installation has none; accepted: a wheel of channelsim, or its source tree")


def scenarios() -> list[Shipped]:
    """All shipped scenarios, by name."""
    root = folder() / "scenarios"
    paths = {path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.toml")}
    return [
        Shipped(name, _about(path)) for name, path in sorted(paths.items(), key=lambda one: ("/" in one[0], one[0]))
    ]


def copy(name: str, directory: Path, force: bool = False) -> list[Path]:
    """Copies a scenario and its model into `directory`, as scenarios/NAME.toml and models/MODEL.toml.

    Returns the paths of the copies.
    Raises InputError for an unknown name, and where a file is there already with another content, unless `force`.
    """
    root = folder()
    known = [scenario.name for scenario in scenarios()]
    if name not in known:
        raise InputError(f"scenarios: {name} is not shipped; accepted: {', '.join(known)}")
    source = root / "scenarios" / f"{name}.toml"
    sources = [source]
    model = tomllib.loads(source.read_text()).get("model")
    if isinstance(model, str):
        sources.append((source.parent / model).resolve())
    targets = [directory / path.relative_to(root) for path in sources]
    if not force:
        for path, target in zip(sources, targets, strict=True):
            if target.exists() and _content(target) != path.read_bytes():
                raise InputError(
                    f"{target}: is there already, with another content; accepted: --force, or another --to"
                )
    for path, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace(target, path.read_bytes())
    return targets


def _content(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


def _about(path: Path) -> str:
    """The first sentence of the comment at a file's head."""
    words: list[str] = []
    for line in path.read_text().splitlines():
        if not line.startswith("#") or (words and line.strip("# ") == ""):
            break
        words.append(line.strip("# "))
    return " ".join(words).partition(". ")[0].rstrip(".")
