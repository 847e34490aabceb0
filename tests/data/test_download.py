"""`fetch` against a server on this machine that can be whole, wrong, cut, slow or gone."""

from __future__ import annotations

import hashlib
import http.server
import io
import re
import socket
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from channelsim.data import SOURCES, cifar10, download, fetch, load_dataset, places
from channelsim.errors import InputError

from .conftest import write_mnist
from .test_cifar10 import RECORDS, write_cifar10


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` under /good/; /wrong/ gives other bytes, /cut/ half of them, /slow/ nothing at all."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked: list[str] = []
        self.closing = threading.Event()

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{behaviour}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        behaviour, file = self.path.strip("/").split("/")
        content = self.server.files.get(file, b"")
        if behaviour == "slow":
            self.server.closing.wait(10)
            return
        self.send_response(200 if content and behaviour != "gone" else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        body = {"good": content, "wrong": content[::-1], "cut": content[: len(content) // 2], "gone": content}
        self.wfile.write(body[behaviour])

    def log_message(self, *args: object) -> None:
        pass


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def server(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with a tiny MNIST, whose checksums are the known ones."""
    write_mnist(tmp_path / "served")
    files = {path.name: path.read_bytes() for path in sorted((tmp_path / "served").iterdir())}
    yield from serve("mnist", files, monkeypatch)


def serve(name: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(files)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    checksums = {file: sha256(content) for file, content in files.items()}
    monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], mirrors=(server.url("good"),), checksums=checksums))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_network() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_what_is_fetched_is_found(server: Server) -> None:
    with pytest.raises(InputError, match="not found"):
        load_dataset(name="mnist")
    lines: list[str] = []
    folder = fetch("mnist", report=lines.append)
    assert folder == places.cache("mnist") and names(folder) == set(server.files)
    assert lines == [f"{file} from {server.url('good')}" for file in server.files]
    assert len(load_dataset(name="mnist").train_x) == 30


def test_what_is_there_and_right_is_not_fetched_again(server: Server) -> None:
    folder = fetch("mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    server.asked.clear()
    fetch("mnist")
    assert server.asked == ["/good/t10k-labels-idx1-ubyte.gz"]
    assert (folder / "t10k-labels-idx1-ubyte.gz").read_bytes() == server.files["t10k-labels-idx1-ubyte.gz"]


@pytest.mark.parametrize("behaviour", ["wrong", "cut", "gone"])
def test_the_next_mirror_is_tried_and_then_kept(server: Server, tmp_path: Path, behaviour: str) -> None:
    fetch("mnist", tmp_path / "to", mirrors=[server.url(behaviour), server.url("good")])
    assert names(tmp_path / "to") == set(server.files)
    assert [path.split("/")[1] for path in server.asked] == [behaviour, "good", "good", "good", "good"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("wrong", "wrong checksum"),
        ("cut", "cut|checksum"),
        ("gone", "HTTP status 404"),
        ("slow", "no answer in time"),
    ],
)
def test_a_failure_leaves_nothing_in_place(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, reason: str
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", (0.3, 0.3))
    with pytest.raises(InputError, match=reason) as caught:
        fetch("mnist", tmp_path / "to", mirrors=[server.url(behaviour)])
    assert server.url(behaviour) in str(caught.value) and "\n" not in str(caught.value)
    assert not names(tmp_path / "to")


def test_a_failure_leaves_an_earlier_file_as_it_was(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "to"
    write_mnist(folder, train=7)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError):
        fetch("mnist", folder, mirrors=[server.url("cut")])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_error_has_the_reason_of_each_mirror(server: Server, no_network: str, tmp_path: Path) -> None:
    mirrors = [no_network, server.url("wrong"), server.url("gone")]
    with pytest.raises(InputError) as caught:
        fetch("mnist", tmp_path / "to", mirrors=mirrors)
    message = str(caught.value)
    for mirror, reason in zip(mirrors, ("no connection", "wrong checksum", "HTTP status 404"), strict=True):
        assert f"{mirror}: {reason}" in message
    assert "of mnist could not be fetched" in message and "CHANNELSIM_DATA" in message


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        fetch("mnist", tmp_path / "file" / "to")


def test_a_name_that_cannot_be_fetched() -> None:
    with pytest.raises(InputError, match=r'"digits" is no set .* accepted are mnist, fashion-mnist, cifar10'):
        fetch("digits")


def cifar10_archive(folder: Path, leave_out: str | None = None) -> bytes:
    write_cifar10(folder / cifar10.FOLDER)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file in sorted((folder / cifar10.FOLDER).iterdir()):
            if file.name != leave_out:
                tar.add(file, f"{cifar10.FOLDER}/{file.name}")
    return packed.getvalue()


def test_cifar10_is_unpacked_once(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "RECORDS", RECORDS)
    files = {"cifar-10-binary.tar.gz": cifar10_archive(tmp_path / "served")}
    for server in serve("cifar10", files, monkeypatch):
        folder = fetch("cifar10")
        assert names(places.cache("cifar10")) == set(cifar10.TRAIN + cifar10.TEST)
        assert fetch("cifar10") == folder and len(server.asked) == 1
        assert load_dataset(name="cifar10").shape == (3, 32, 32)


def test_an_archive_without_a_file_is_an_error(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"cifar-10-binary.tar.gz": cifar10_archive(tmp_path / "served", leave_out="test_batch.bin")}
    for _ in serve("cifar10", files, monkeypatch):
        with pytest.raises(InputError, match=r"cannot be unpacked .*test_batch.bin"):
            fetch("cifar10", tmp_path / "to")


def test_every_known_file_has_a_checksum() -> None:
    for source in SOURCES.values():
        assert len(source.mirrors) >= 2 and all(url.endswith("/") for url in source.mirrors)
        assert all(url.startswith("https://") for url in source.mirrors)
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", checksum) for checksum in source.checksums.values())
