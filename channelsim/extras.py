"""What only parts of the package need: optional extras, named where one is missing."""

from __future__ import annotations

from importlib.util import find_spec

from channelsim.errors import InputError

EXTRAS = {
    "reference": ("torch",),
    "theory": ("scipy",),
    "sweep": ("dask", "distributed", "cryptography", "pandas", "pyarrow", "scipy"),
}
"""Extra of pyproject.toml -> the modules that come with it."""


def require(extra: str, what: str) -> None:
    """Raises InputError where a module of an extra is not installed; `what` is what needs it."""
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise InputError(f"{what} needs {', '.join(missing)}: pip install 'channelsim[{extra}]'")
