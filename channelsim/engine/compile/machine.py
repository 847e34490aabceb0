"""The processor as the engine sees it: the width of its vectors, and the features that code may use.

`CHANNELSIM_LANES` sets a narrower width for one process: 16, 8, 4 or 1 float32 values in a vector, the last being
scalar code. It is there to debug and to test what other processors run; no result depends on it. Code for 8 lanes does
without AVX-512, code for 4 without AVX and so without fused multiply-adds in hardware.
"""

from __future__ import annotations

import os

from llvmlite import binding

from channelsim.errors import InputError

VARIABLE = "CHANNELSIM_LANES"
WIDTHS = (16, 8, 4, 1)
_WIDER_THAN = {  # x86 features that come with wider vectors, by how their names begin
    16: (),
    8: ("avx512", "avx10", "amx", "evex512"),
    4: ("avx", "amx", "evex512", "fma", "f16c", "xop", "vaes", "vpclmulqdq", "gfni", "sha512", "sm3", "sm4"),
    1: (),
}

binding.initialize_native_target()
binding.initialize_native_asmprinter()


def _host_features() -> dict[str, bool]:
    return dict(binding.get_host_cpu_features())


def _widest(features: dict[str, bool]) -> int:
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx") else 4


def _lanes(widest: int) -> int:
    given = os.environ.get(VARIABLE)
    if not given:
        return widest
    accepted = [width for width in WIDTHS if width <= widest]
    if given not in map(str, accepted):
        raise InputError(
            f"{VARIABLE} = {given!r}: this processor has vectors of {', '.join(map(str, accepted))} values"
        )
    return int(given)


_HOST = _host_features()
LANES = _lanes(_widest(_HOST))  # float32 values in a vector
_FEATURES = {name: there and not name.startswith(_WIDER_THAN[LANES]) for name, there in _HOST.items()}
CPU = binding.get_host_cpu_name()
FEATURES = ",".join(("+" if there else "-") + name for name, there in sorted(_FEATURES.items()))


def has(feature: str) -> bool:
    """Whether code may use a feature of the processor, by LLVM's name for it."""
    return _FEATURES.get(feature, False)


def use() -> None:
    """Makes Numba compile for the same features. Must run before it compiles anything."""
    import numba

    if _widest(_HOST) != LANES:
        numba.config.CPU_NAME, numba.config.CPU_FEATURES = CPU, FEATURES
