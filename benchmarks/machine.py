"""Which machine this is, and what its memory and its BLAS can do: the two roofs of the roofline."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy.linalg.blas import sgemm
from threadpoolctl import threadpool_info

PACKAGES = ("channelsim", "numpy", "scipy", "numba", "llvmlite", "h5py", "torch", "jax", "jaxlib", "biotorch")
SETTINGS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
            "XLA_FLAGS", "NUMBA_CPU_NAME", "NUMBA_NUM_THREADS")  # fmt: skip

FOOTPRINTS = {"32 KB": 32e3, "437 KB (the MNIST network)": 437e3, "8 MB": 8e6, "400 MB": 400e6}
PRODUCTS = {"100 x 784 x 100": (100, 784, 100), "100 x 100 x 100": (100, 100, 100), "1000 x 1000 x 1000": (1000,) * 3}


def describe() -> dict[str, Any]:
    """Processor, caches, versions and the settings that matter."""
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "caches": _caches(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "blas": sorted({_blas(info) for info in threadpool_info() if info["user_api"] == "blas"}),
        "settings": {name: os.environ[name] for name in SETTINGS if name in os.environ},
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def cpu() -> str:
    """The processor's name, with family and model where Linux reports them."""
    wanted = {"model name": "", "cpu family": "", "model": ""}
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        key, _, value = line.partition(":")
        if key.strip() in wanted and not wanted[key.strip()]:
            wanted[key.strip()] = value.strip()
    name = wanted["model name"] or platform.processor() or platform.machine()
    return f"{name} (family {wanted['cpu family']}, model {wanted['model']})" if wanted["cpu family"] else name


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = size
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _blas(info: dict[str, Any]) -> str:
    return f"{info['internal_api']} {info.get('version') or ''} {info.get('architecture') or ''}".strip()


def roofs() -> dict[str, dict[str, float]]:
    """Measured bandwidth of w += x (bytes read and written a second), by footprint, and of sgemm (flop/s), by shape."""
    return {
        "bandwidth_bytes_per_s": {name: bandwidth(int(size)) for name, size in FOOTPRINTS.items()},
        "sgemm_flop_per_s": {name: gemm(*shape) for name, shape in PRODUCTS.items()},
    }


def bandwidth(size: int) -> float:
    values = np.ones(size // 4, np.float32)
    passes = max(1, int(400e6 / size))
    return 2 * values.nbytes * passes / _best(lambda: _stream(values, passes))


@njit(cache=True)
def _stream(values, passes):
    for _ in range(passes):
        for k in range(len(values)):
            values[k] += np.float32(1e-9)


def gemm(m: int, k: int, n: int) -> float:
    a, b, c = (np.asfortranarray(np.ones(shape, np.float32)) for shape in ((m, k), (k, n), (m, n)))
    calls = max(1, int(5e8 / (m * k * n)))

    def multiply() -> None:
        for _ in range(calls):
            sgemm(1.0, a, b, c=c, overwrite_c=True)

    return 2 * m * k * n * calls / _best(multiply)


def _best(work: Callable[[], None], rounds: int = 5) -> float:
    """The shortest of several times in seconds: a roof is what the machine can do."""
    work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
