"""Fetching the public sets into the user's cache, each file checked against its distributor's checksum."""

from __future__ import annotations

import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from channelsim.data import cifar10, places
from channelsim.errors import InputError

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes on it."""


@dataclass(frozen=True)
class Source:
    """Where a set can be had: URLs of folders that hold all of its files, and the checksum of each file."""

    mirrors: tuple[str, ...]
    checksums: dict[str, str]


SOURCES = {
    "mnist": Source(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        {
            "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion-mnist": Source(
        (
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        {
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    cifar10.NAME: Source(
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
        {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
    ),
}


def fetch(
    name: str,
    folder: Path | None = None,
    mirrors: Sequence[str] | None = None,
    report: Callable[[str], None] | None = None,
) -> Path:
    """Download a set, file by file, from the first mirror that gives it whole.

    A file only appears under its name once its checksum is right, and one that is already there and right is
    not downloaded again.

    Parameters
    ----------
    name:
        A key of `SOURCES`.
    folder:
        Where to put it (None: the user's cache, where `load_dataset` looks).
    mirrors:
        URLs of folders to use in place of the known ones.
    report:
        Called with a line of text before each attempt.

    Returns
    -------
    The folder that holds the set's files.

    Raises
    ------
    InputError
        The name is unknown, no mirror has a file (with each one's reason), or the folder cannot be written.
    """
    if name not in SOURCES:
        raise InputError(f'"{name}" is no set that can be fetched; accepted are {", ".join(SOURCES)}')
    source = SOURCES[name]
    folder = places.cache(name) if folder is None else Path(folder)
    if name == cifar10.NAME and cifar10.is_whole(folder / cifar10.FOLDER):
        return folder / cifar10.FOLDER
    order = [url.rstrip("/") + "/" for url in mirrors or source.mirrors]
    for file, checksum in source.checksums.items():
        served = _fetch_file(name, file, checksum, folder, order, report)
        # The mirror that worked is asked first from now on: dead ones cost a timeout each.
        order = [served, *(url for url in order if url != served)]
    return _unpack(folder) if name == cifar10.NAME else folder


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


def _unpack(folder: Path) -> Path:
    """CIFAR-10's files out of its archive, each renamed into place when whole; the archive is removed."""
    (archive,) = (folder / file for file in SOURCES[cifar10.NAME].checksums)
    target = folder / cifar10.FOLDER
    try:
        target.mkdir(exist_ok=True)
        with tarfile.open(archive) as tar:
            for name in (*cifar10.TRAIN, *cifar10.TEST):
                member = tar.extractfile(f"{cifar10.FOLDER}/{name}")
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
        raise InputError(f"{archive}: cannot be unpacked ({error}); accepted is CIFAR-10's binary version") from None
    except OSError as error:
        raise _unwritable(target, error) from None
    archive.unlink()
    return target
