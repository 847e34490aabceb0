"""The table in Parquet, with a checksum over every byte of the file in its own metadata.

Parquet has none for its footer, where names and types of columns are. The key `seal` of the file's metadata is a
string whose last eight characters are the CRC-32 of the file in which they are zeros. Other readers pass it over.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from channelsim.errors import InputError
from channelsim.files import open_regular

if TYPE_CHECKING:
    import pandas as pd

_PREFIX = b"channelsim: CRC-32 of this file with zeros in the place of these digits: "
_DIGITS = 8


def packed(table: pd.DataFrame) -> bytes:
    """The file that holds a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = pa.Table.from_pandas(table, preserve_index=False)
    about = {**(columns.schema.metadata or {}), b"seal": _PREFIX + b"0" * _DIGITS}
    buffer = pa.BufferOutputStream()
    pq.write_table(columns.replace_schema_metadata(about), buffer)
    content = buffer.getvalue().to_pybytes()
    at = _place(content)
    return content[:at] + _checksum(content) + content[at + _DIGITS :]


def read(path: Path) -> pd.DataFrame:
    """The table in a file that `packed`, or another program, has made.

    Raises OSError and ValueError, and InputError for what has a checksum and is not as it was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_regular(path) as file:
        content = file.read()
    at = _place(content)
    if at >= 0 and _checksum(content[:at] + b"0" * _DIGITS + content[at + _DIGITS :]) != content[at : at + _DIGITS]:
        raise _damaged(path)
    columns = pq.read_table(pa.BufferReader(content))
    if at < 0 and b"seal" in (columns.schema.metadata or {}):
        raise _damaged(path)
    return columns.to_pandas()


def _damaged(path: Path) -> InputError:
    return InputError(f"{path}: damaged; accepted: the table as `channelsim sweep` writes it, anew each time")


def _place(content: bytes) -> int:
    """Where the digits are; -1: nowhere."""
    at = content.rfind(_PREFIX) + len(_PREFIX)
    return at if at >= len(_PREFIX) and at + _DIGITS <= len(content) else -1


def _checksum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
