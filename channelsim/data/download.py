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
from dataclasses import dataclass
from pathlib import Path

from channelsim.data import cifar10, places
from channelsim.errors import InputError

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes on it."""


@dataclass(frozen=True)
class Source:
    """Where a set can be had: URLs of folders that hold all of its files, and the SHA-256 of each file."""

    mirrors: tuple[str, ...]
    checksums: dict[str, str]


SOURCES = {
    "mnist": Source(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        {
            "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion-mnist": Source(
        (
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        {
            "train-images-idx3-ubyte.gz": "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
    cifar10.NAME: Source(
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
        {"cifar-10-binary.tar.gz": "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
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
