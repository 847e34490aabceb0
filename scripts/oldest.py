"""Prints pip constraints: the oldest versions that pyproject.toml allows, with which `make test-oldest` runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r"([\w.-]+)\s*>=\s*([\w.]+)")
EXTRAS = ("reference", "sweep", "test")


def constraints() -> list[str]:
    """One for each dependency that has a lower bound."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    declared = project["dependencies"] + [line for name in EXTRAS for line in project["optional-dependencies"][name]]
    found = [BOUND.match(line) for line in declared]
    return [f"{bound[1]}=={bound[2]}" for bound in found if bound]


if __name__ == "__main__":
    print("\n".join(constraints()))
