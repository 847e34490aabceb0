"""One core and one thread per contestant. Import before NumPy, Numba, PyTorch and JAX: they read this on loading."""

from __future__ import annotations

import os
import sys
from pathlib import Path

LIBRARIES = Path(__file__).parents[1] / "build" / "peers"  # where `make bench` puts peers without their dependencies
CORES = "CHANNELSIM_BENCH_CORES"  # the cores that the whole process tree may use, for those that measure two
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
# With CHANNELSIM_LANES=8 the engine does without AVX-512, and so do its peers: each has a name of its own for that.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX",
    "XLA_FLAGS": f"{ONE_THREAD['XLA_FLAGS']} --xla_cpu_max_isa=AVX2",
}


def is_avx2() -> bool:
    """Whether everything is measured without AVX-512."""
    return os.environ.get("CHANNELSIM_LANES") == "8"


def pin() -> int:
    """Pins this process and its children to one core, with one thread for each library. Returns the core.

    Where the system has no affinities (macOS), the thread counts have to do. Makes the peers' own libraries importable.
    """
    sys.path.append(str(LIBRARIES))
    for name, value in (ONE_THREAD | (AVX2 if is_avx2() else {})).items():
        os.environ[name] = value
    if not hasattr(os, "sched_setaffinity"):
        return 0
    cores = sorted(os.sched_getaffinity(0))
    os.environ.setdefault(CORES, ",".join(map(str, cores)))
    core = cores[-1]  # the first one has most of the system's interrupts
    os.sched_setaffinity(0, {core})
    return core


def unpin() -> int:
    """Takes back all the cores that `pin` found, in a child that has not loaded Numba yet. Returns how many."""
    cores = {int(core) for core in os.environ.get(CORES, "").split(",") if core}
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    return max(len(cores), 1)
