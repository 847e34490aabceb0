"""The files of users' own parts (`channelsim.extend`): read once, run, and known by the digest of their text."""

from __future__ import annotations

import hashlib
import inspect
import linecache
import sys
import types
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from channelsim import extend
from channelsim.errors import InputError
from channelsim.files import open_regular

LONGEST = 1 << 20  # bytes of a file
Note = TypeVar("Note")
_sent: dict[str, bytes] = {}  # files of a sweep's scenario, by path, where the worker's machine need not have them


@dataclass(frozen=True)
class Part:
    """One use of a function of a user's file.

    Attributes:
        file, name: where it is.
        digest: of the file's text, SHA-256.
        parameters: the other keys of the scenario's table, sorted.
    """

    file: str
    name: str
    digest: str
    parameters: tuple[tuple[str, float], ...]

    @property
    def place(self) -> str:
        """File and line of the function, for errors."""
        return place_of(self, function_of(self))


def part(use: str, parameters: Mapping[str, float]) -> Part:
    """The part that `use` names, "FILE.py:FUNCTION". Raises InputError where the file cannot be read or run."""
    file, _, name = use.rpartition(":")
    found = Part(file, name, digest_of(file), tuple(sorted(parameters.items())))
    function_of(found)
    return found


def place_of(part: Part, function: Callable[..., Any]) -> str:
    """File, line and name of a function of a part's file, for errors; of a class file and name."""
    code = getattr(function, "__code__", None)
    return f"{part.file}{f':{code.co_firstlineno}' if code else ''}: {function.__qualname__}"


def text_of(file: str) -> bytes:
    """The file's text. Raises InputError."""
    if file in _sent:
        return _sent[file]
    try:
        with open_regular(Path(file), accepted="a Python file") as stream:
            text = stream.read(LONGEST + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}; accepted: a Python file that can be read") from None
    if len(text) > LONGEST:
        raise InputError(f"{file}: more than {LONGEST >> 20} MiB; accepted: a Python file")
    return text


def digest_of(file: str) -> str:
    """The SHA-256 of the file's text, in hexadecimal digits."""
    return hashlib.sha256(text_of(file)).hexdigest()


def take(files: Mapping[str, bytes]) -> None:
    """These texts hold for files of these paths in this process from now on: a sweep sends them to its workers."""
    _sent.update(files)


@cache
def _module(file: str, digest: str) -> types.ModuleType:
    """The file, run. The digest keeps one that has changed meanwhile apart."""
    text = text_of(file)
    if hashlib.sha256(text).hexdigest() != digest:
        raise InputError(f"{file}: has changed since it was read; accepted: the file as it was")
    module = types.ModuleType(f"channelsim_part_{digest[:12]}")
    module.__file__ = file
    sys.modules[module.__name__] = module  # dataclasses and Numba look their module up
    try:
        exec(compile(text, file, "exec"), module.__dict__)
    except SyntaxError as error:
        raise InputError(f"{file}:{error.lineno}: {error.msg}; accepted: Python") from None
    except Exception as error:
        raise InputError(f"{_line(file, error)}: {_told(error)}; accepted: a file that can be imported") from None
    return module


def function_of(part: Part) -> Callable[..., Any]:
    """The function itself, or the class that holds some. Raises InputError where the file has no part of that name."""
    function = getattr(_module(part.file, part.digest), part.name, None)
    if not isinstance(function, types.FunctionType | type) or not hasattr(function, extend.MARK):
        known = [name for name, value in vars(_module(part.file, part.digest)).items() if hasattr(value, extend.MARK)]
        raise InputError(
            f"{part.file}: has no part {part.name!r}; accepted: what has a decorator of channelsim.extend"
            + (f": {', '.join(known)}" if known else "")
        )
    return function


def noted(part: Part, kind: type[Note], wanted: str, decorator: str, of: str = "a function") -> Note:
    """What the part's decorator noted. Raises InputError unless it is of this kind, which is called `wanted`."""
    note = getattr(function_of(part), extend.MARK)
    if not isinstance(note, kind):
        raise InputError(f"{part.place} is no {wanted}; accepted: {of} with {decorator}")
    return note


def stage_of(part: Part) -> extend.Stage:
    """What a stage's decorator noted."""
    return noted(part, extend.Stage, "stage", "@cx.stage(...)")


def takes_parameters(part: Part) -> bool:
    """Whether the function takes `p`. Raises InputError if it takes anything else than it is given."""
    wanted = getattr(function_of(part), extend.MARK).arguments
    takes = takes_p(part, function_of(part), wanted)
    if part.parameters and not takes:
        refuse_unused(part, wanted)
    return takes


def takes_p(part: Part, function: Callable[..., Any], wanted: Sequence[str]) -> bool:
    """Whether a function of the part takes `p` behind the `wanted` arguments.

    Raises InputError if it takes anything else.
    """
    names = list(inspect.signature(function).parameters)
    if len(names) not in (len(wanted), len(wanted) + 1):
        raise InputError(
            f"{place_of(part, function)} takes ({', '.join(names)}); accepted: ({', '.join(wanted)}) or"
            f" ({', '.join((*wanted, 'p'))})"
        )
    return len(names) > len(wanted)


def refuse_unused(part: Part, wanted: Sequence[str]) -> NoReturn:
    """Raises InputError, as the scenario gives parameters to a part that takes no `p`."""
    raise InputError(
        f"{part.place} takes no p, and the scenario gives {', '.join(dict(part.parameters))};"
        f" accepted: ({', '.join((*wanted, 'p'))})"
    )


@cache
def parameters_of(part: Part) -> Any:
    """`p`: a named tuple of floats."""
    names, values = [key for key, _ in part.parameters], [value for _, value in part.parameters]
    kind: Any = namedtuple("Parameters", names)  # type: ignore[misc]
    return kind(*values)


def with_parameters(part: Part, function: Any, count: int) -> Any:
    """The function of its first `count` arguments, with the part's `p` behind them."""
    p = parameters_of(part)
    by_count = {1: lambda a: function(a, p), 2: lambda a, b: function(a, b, p), 3: lambda a, b, c: function(a, b, c, p)}
    return by_count[count]


def call(part: Part, *arguments: Any) -> Any:
    """The function as it stands, with `p` behind the arguments. Raises InputError where it raises anything."""
    given = (*arguments, parameters_of(part)) if takes_parameters(part) else arguments
    with calling(part, function_of(part)):
        return function_of(part)(*given)


@contextmanager
def calling(part: Part, function: Callable[..., Any]) -> Iterator[None]:
    """Whatever a function of the part raises becomes an InputError with file and line; NumPy's warnings are off."""
    try:
        with np.errstate(all="ignore"):
            yield
    except (Exception, SystemExit) as error:  # sys.exit() in a function is a mistake as well
        raise InputError(f"{_line(part.file, error)}: {function.__qualname__}: {_told(error)}") from None


def try_out(part: Part, n: int) -> None:
    """Calls a stage once, so that its mistakes show before a run begins. Raises InputError."""
    note, half = stage_of(part), np.full(n, 0.5)
    if note.over == "value":
        u: Any = 0.5 if note.draws == 1 else np.full(note.draws, 0.5)
        result = call(part, 0.5, *((u,) if note.draws else ()))
        refuse_other_than_finite(part, function_of(part), result)
        return
    u = half if note.draws == 1 else np.full((note.draws, n), 0.5)
    message = half.copy()
    result = call(part, message, *((u,) if note.draws else ()), *((np.zeros((note.state, n)),) if note.state else ()))
    if result is not None:
        accepted = "nothing, as it changes the message in place"
        raise InputError(f"{part.place} returns {kind_of(result)}; accepted: {accepted}")
    if not np.isfinite(message).all():
        raise InputError(f"{part.place} makes {message[~np.isfinite(message)][0]} of 0.5; accepted: finite numbers")


def refuse_other_than_finite(part: Part, function: Callable[..., Any], result: object, given: str = "0.5") -> None:
    """Raises InputError if what a function of a part made of what it was given is no finite number."""
    if not isinstance(result, int | float | np.number) or isinstance(result, bool):
        raise InputError(f"{place_of(part, function)} returns {kind_of(result)}; accepted: a number")
    if not np.isfinite(float(result)):
        raise InputError(f"{place_of(part, function)} returns {float(result)} of {given}; accepted: a finite number")


def kind_of(value: object) -> str:
    """What a function returned instead, in words."""
    shape = getattr(value, "shape", None)
    return f"an array of shape {shape}" if shape else f"a {type(value).__name__}"


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _line(file: str, error: BaseException) -> str:
    """File and the innermost line of it that an exception passed through."""
    linecache.checkcache(file)
    line, at = None, error.__traceback__
    while at is not None:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == file else line
        at = at.tb_next
    return file if line is None else f"{file}:{line}"
