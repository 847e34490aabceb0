"""Machines on which something is missing: room, locks, permission, a cache, memory; and another user on it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import channelsim as cs
from tests.campaign.bases import BASES, interrupted
from tests.campaign.kills import Whole, _difference, by_run
from tests.campaign.kills import prepare as whole_run
from tests.campaign.outcomes import (
    CRASH,
    DIFFERENT,
    DONE,
    IDENTICAL,
    REFUSED,
    SKIPPED,
    TRACEBACK,
    Verdict,
    outcome,
    verdict,
)
from tests.campaign.part import Part
from tests.cli.process import COMMAND, SMALL, environment
from tests.run.runs import contents

OTHER = 65534
"""The user `nobody`."""


def prepare(folder: Path) -> tuple[Whole, Path]:
    """A run that nothing has disturbed, and a trace that was interrupted."""
    (folder / "whole").mkdir()
    return whole_run(BASES["online"], by_run, folder / "whole"), interrupted(BASES["online"], folder / "stopped")


def case(made: tuple[Whole, Path], seed: int, folder: Path) -> Verdict:
    """The n-th fault, n being the seed; the seed also draws how bad it is."""
    name, fault = FAULTS[seed % len(FAULTS)]
    found = fault(made, Random(seed), folder)
    return Verdict(found.kind, f"{name}: {found.text}", found.count)


# --- room, locks, permission ------------------------------------------------------------------------------------


def _run(made: tuple[Whole, Path], path: Path) -> None:
    by_run(made[0].base.scenario, path)


def _then_whole(made: tuple[Whole, Path], path: Path, found: tuple[str, str]) -> Verdict:
    """After a refusal the trace, if there is one, goes on to the same end."""
    if found[0] == DONE or (found[0] == REFUSED and path.exists()):
        again = outcome(partial(_run, made, path)) if found[0] == REFUSED else found
        if again[0] != DONE:
            return verdict(again)
        wrong = _difference(made[0].contents, contents(path))
        return Verdict(DIFFERENT, wrong) if wrong else verdict(found)
    return verdict(found)


def file_size(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """No file may become larger than so much (`ulimit -f`)."""

    def act() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        _run(made, folder / "run.h5")

    limit = rng.randrange(1 << 18)
    return _then_whole(made, folder / "run.h5", outcome(act))


def disk_full(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """A disk of so little room."""
    disk = folder / "disk"
    disk.mkdir()
    size = 4096 * rng.randrange(4, 150)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        return Verdict(SKIPPED, "no disk can be mounted here")
    try:
        found = outcome(partial(_run, made, disk / "run.h5"))
        if (disk / "run.h5").exists():
            shutil.copy(disk / "run.h5", folder / "run.h5")
        return _then_whole(made, folder / "run.h5", found)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def no_locks(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """A disk without file locks."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    def act() -> None:
        fcntl.flock = refuse
        _run(made, folder / "run.h5")

    number = rng.choice([errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
    return _then_whole(made, folder / "run.h5", outcome(act))


def read_only(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """A directory in which nothing may be written, with a trace that was interrupted or none."""
    if rng.random() < 0.5:
        shutil.copy(made[1], folder / "run.h5")
    _open_the_way(folder)
    folder.chmod(0o555)
    found = outcome(partial(_run, made, folder / "run.h5"), user=OTHER if os.getuid() == 0 else None)
    folder.chmod(0o755)
    return Verdict(DIFFERENT, "it was written all the same") if found[0] == DONE else verdict(found)


def _open_the_way(folder: Path) -> None:
    """Let another user come to a folder: temporary ones are closed above it."""
    for place in [folder, *folder.parents]:
        if place.stat().st_uid == os.getuid():
            with contextlib.suppress(OSError):
                place.chmod(place.stat().st_mode | 0o011)


# --- cache, memory ----------------------------------------------------------------------------------------------


def damaged_cache(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """A file of compiled code with a flipped bit, cut short, or empty."""
    from channelsim.engine.compile import cache

    place = folder / "cache" / cache.directory().name
    shutil.copytree(cache.directory(), place)
    file = rng.choice(sorted(place.iterdir()))
    content = bytearray(file.read_bytes() or b"x")
    content[rng.randrange(len(content))] ^= 1
    file.write_bytes(rng.choice([bytes(content), bytes(content[: len(content) // 2]), b""]))
    return _command(folder, cache=folder / "cache")


def no_cache(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """No directory for compiled code: a file is in its place. It is compiled into a temporary one."""
    (folder / "cache").write_text("")
    return _command(folder, cache=folder / "cache")


def low_memory(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """`ulimit -v`."""
    size = rng.randrange(100, 1200) << 20
    return _command(folder, limit=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)))


def _command(folder: Path, cache: Path | None = None, limit: Callable[[], None] | None = None) -> Verdict:
    """`channelsim run`, as a process: done, or refused in one line."""
    (folder / "small.toml").write_text(SMALL)
    more = {"NUMBA_CACHE_DIR": str(cache), "XDG_CACHE_HOME": str(cache)} if cache else {}
    done = subprocess.run(
        [*COMMAND, "run", "small.toml", "--out", "run.h5", "-q"],
        cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=600, preexec_fn=limit,
    )  # fmt: skip
    if done.returncode < 0:
        return Verdict(CRASH, f"signal {-done.returncode}: {done.stderr[-300:]}")
    # OpenBLAS has a line of its own, and status 1, where it has too little memory to start.
    if "Traceback" in done.stderr or done.returncode not in (0, 1, 2) or len(done.stderr.splitlines()) > 2:
        return Verdict(TRACEBACK, done.stderr[-1500:])
    return Verdict(IDENTICAL if done.returncode == 0 else REFUSED, done.stderr.strip()[-200:])


# --- another user -----------------------------------------------------------------------------------------------


def only_for_root(action: Callable[..., Verdict]) -> Callable[..., Verdict]:
    """Nobody else may become another user."""

    def act(*arguments: Any) -> Verdict:
        return action(*arguments) if os.getuid() == 0 else Verdict(SKIPPED, "not root, so no other user to be")

    return act


@contextlib.contextmanager
def _shared(folder: Path) -> Iterator[Path]:
    """A directory like /tmp, in which everybody may write, and whose files belong to those who wrote them."""
    place = folder / "shared"
    place.mkdir()
    _open_the_way(folder)
    place.chmod(0o1777)
    yield place


@only_for_root
def planted(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """Another user has put a link, a FIFO or a file in the place of what a run writes beside its trace."""
    victim = folder / "victim"
    victim.write_text("mine")
    name = rng.choice([".run.h5.part", ".run.h5.lock", "run.h5.segments", "run.h5"])
    what = rng.choice(["link", "FIFO", "file", "link to nowhere"])

    def plant() -> None:
        if what == "FIFO":
            os.mkfifo(place / name)
        elif what == "file":
            (place / name).write_text("not mine")
        else:
            (place / name).symlink_to(victim if what == "link" else folder / "new")

    with _shared(folder) as place:
        planted = outcome(plant, user=OTHER)
        assert planted[0] == DONE, planted
        found = outcome(partial(cs.run, made[0].base.scenario, place / "run.h5"))
        if victim.read_text() != "mine" or ((folder / "new").exists() and name != "run.h5"):
            return Verdict(DIFFERENT, f"{what} at {name}: written through it")
        if found[0] == DONE and _difference(made[0].contents, contents(place / "run.h5")):
            return Verdict(DIFFERENT, f"{what} at {name}")
        return verdict((found[0], ""), about=f"{what} at {name}: {found[1][:200]}")


@only_for_root
def trace_of_another(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """A trace that another user wants to go on with, or to overwrite."""
    with _shared(folder) as place:
        shutil.copy(made[1], place / "run.h5")
        before = (place / "run.h5").read_bytes()
        force = rng.random() < 0.5
        action = (
            partial(cs.run, made[0].base.scenario, place / "run.h5", force=True)
            if force
            else partial(cs.run, resume=place / "run.h5")
        )
        found = outcome(lambda: action() and None, user=OTHER)
        if (place / "run.h5").read_bytes() != before:
            return Verdict(DIFFERENT, "another user has changed it")
        return verdict(found)


@only_for_root
def port_of_a_sweep(made: tuple[Whole, Path], rng: Random, folder: Path) -> Verdict:
    """Another user connects to the scheduler of a sweep, with and without TLS, and asks for something to be run."""
    from channelsim.sweeps import _cluster

    with _cluster.local(1) as client:
        address = client.scheduler.address
        found = outcome(partial(_ask, address), user=OTHER)
    return verdict(found, DIFFERENT)


def _ask(address: str) -> None:
    """Raises InputError where the scheduler does not answer who has no certificate of its."""
    host, _, port = address.rpartition("/")[2].partition(":")
    answers = []
    for secured in (False, True):
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            plain.settimeout(3)
            try:
                stream = plain
                if secured:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                    stream = context.wrap_socket(plain)
                stream.sendall(bytes(8))
                answers.append(stream.recv(64))
            except OSError:
                answers.append(b"")
    if not any(answers):
        raise cs.InputError("the scheduler hangs up on who has no certificate")


FAULTS: list[tuple[str, Callable[[tuple[Whole, Path], Random, Path], Verdict]]] = [
    ("files of limited size", file_size), ("disk full", disk_full), ("no locks", no_locks), ("read-only", read_only),
    ("planted by another user", planted), ("trace of another user", trace_of_another), ("low memory", low_memory),
    ("damaged cache", damaged_cache), ("port of a sweep", port_of_a_sweep), ("no cache", no_cache),
]  # fmt: skip

PARTS = [Part("faults of the machine", "cases", 200, 6, prepare, case)]
