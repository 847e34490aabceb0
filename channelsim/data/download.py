"""Fetching the public sets into the user's cache, each file checked against its known SHA-256.

Those of MNIST and Fashion-MNIST stand beside the distributors' MD5 in many public places, among them the checksums of
TensorFlow Datasets; that of CIFAR-10's binary archive beside the MD5 on its page.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from channelsim.data import places
from channelsim.data.known import Archive, Source
from channelsim.data.registry import SETS
from channelsim.errors import InputError

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes on it."""


SOURCES: dict[str, Source] = {name: known.source for name, known in SETS.items() if known.source is not None}


def fetch(
    name: str,
    folder: Path | None = None,
    mirrors: Sequence[str] | None = None,
    report: Callable[[str], None] | None = None,
) -> Path:
    """Download a set, file by file, from the first mirror that gives it whole.

    A file only appears under its name once its checksum is right, and one that is already there and right is
    not downloaded again.

    Arguments:
        name: A key of `SOURCES`.
        folder: Where to put it (None: the user's cache, where `load_dataset` looks).
        mirrors: URLs of folders to use in place of the known ones.
        report: Called with a line of text before each attempt.

    Returns:
        The folder that holds the set's files.

    Raises:
        InputError: The name is unknown, no mirror has a file (with each one's reason), or the folder cannot be written.
    """
    if name not in SOURCES:
        raise InputError(f'"{name}" is no set that can be fetched; accepted are {", ".join(SOURCES)}')
    source = SOURCES[name]
    archive = source.archive
    folder = places.cache(name) if folder is None else Path(folder)
    if archive is not None and archive.is_whole(folder / archive.folder):
        return folder / archive.folder
    order = [url.rstrip("/") + "/" for url in mirrors or source.mirrors]
    for file, checksum in source.checksums.items():
        served = _fetch_file(name, file, checksum, folder, order, report)
        # The mirror that worked is asked first from now on: dead ones cost a timeout each.
        order = [served, *(url for url in order if url != served)]
    return folder if archive is None else _unpack(folder / next(iter(source.checksums)), archive)


def _fetch_file(
    name: str,
    file: str,
    checksum: str,
    folder: Path,
    mirrors: list[str],
    report: Callable[[str], None] | None,
) -> str:
    """Bring one file into `folder`; returns the mirror that served it."""
    import pooch
    import requests

    log = pooch.get_logger()
    level = log.level
    reasons = []
    for mirror in mirrors:
        if report:
            report(f"{file} from {mirror}")
        try:
            log.setLevel("ERROR")  # what happens is told by `report` and by the error below
            downloader = pooch.HTTPDownloader(chunk_size=1 << 16, timeout=TIMEOUT)
            pooch.retrieve(mirror + file, checksum, fname=file, path=folder, downloader=downloader)
            return mirror
        except requests.RequestException as error:
            reasons.append(f"{mirror}: {_reason(error)}")
        except ValueError:
            reasons.append(f"{mirror}: wrong checksum, what came is not the known file")
        except OSError as error:
            raise _unwritable(folder, error) from None
        finally:
            log.setLevel(level)
    raise InputError(
        f"{file} of {name} could not be fetched ({'; '.join(reasons)});"
        f" try again later, or put the set's files into a folder and set {places.VARIABLE} to it"
    )


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"{error.filename or folder}: cannot be written ({error.strerror or error});"
        " accepted is a folder with room in it that you may write to"
    )


def _reason(error: Exception) -> str:
    """A few words for what a mirror did wrong."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _unpack(packed: Path, archive: Archive) -> Path:
    """The files out of an archive, each renamed into place when whole; it is then removed."""
    target = packed.parent / archive.folder
    try:
        target.mkdir(exist_ok=True)
        with tarfile.open(packed) as tar:
            for name in archive.files:
                member = tar.extractfile(f"{archive.folder}/{name}")
                if member is None:
                    raise KeyError(f"{name} is no file")
                with tempfile.NamedTemporaryFile(dir=target, delete=False) as part:
                    try:
                        part.write(member.read())
                        os.replace(part.name, target / name)
                    except BaseException:
                        os.unlink(part.name)
                        raise
    except (tarfile.TarError, KeyError, EOFError, zlib.error) as error:
        raise InputError(f"{packed}: cannot be unpacked ({error}); accepted is the known archive") from None
    except OSError as error:
        raise _unwritable(target, error) from None
    packed.unlink()
    return target
