"""Errors that a user can mend, told apart from faults of the program."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with what a terminal would act upon, or could not encode, written as an escape: \\x1b, \\udcff."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)


class InputError(ValueError):
    """The input is wrong: one line that names the file, the key and what would be accepted (exit status 2)."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class Unwritable(InputError):
    """A file cannot be written, for want of space say; `reason` is the machine's word for why."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class RunError(RuntimeError):
    """A run had to stop although its input was well formed, e.g. its weights diverged (exit status 1)."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))
