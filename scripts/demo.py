"""Three ways to send the error to the layers of a small network, and what each costs: `make demo`.

Backpropagation; skipped random backpropagation (direct feedback alignment); and the same with the error sent in 3 bits
over slow links that lose 10 % of the events. The data set, handwritten digits, comes with the package.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import channelsim as cs
from channelsim.progress import Silent
from channelsim.units import percent, quantity

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = ("digits-bp", "digits-srbp", "digits-srbp-3bit")


class Notes(Silent):
    """Reports what takes long, such as compiling the engine."""

    def note(self, text: str) -> None:
        print(text, flush=True)


def main() -> int:
    start = time.perf_counter()
    folder = ROOT / "demo"
    folder.mkdir(exist_ok=True)
    results = []
    for name in SCENARIOS:
        scenario = cs.load(ROOT / "scenarios" / f"{name}.toml")
        result = cs.run(scenario, out=folder / f"{name}.h5", force=True, progress=Notes())
        results.append(result)
        print(
            f"{name:17} accuracy {percent(result.test_accuracy)}   "
            f"sent {quantity(result.bits, 'bit'):>9}, of which errors {quantity(result.learning_bits, 'bit'):>9}   "
            f"simulated time {quantity(result.simulated_time_s, 's'):>8}",
            flush=True,
        )
    picture = folder / "comparison.png"
    cs.plot([result.trace for result in results], out=picture)
    print(f"\npicture  {picture}")
    for result in results:
        print(f"trace    {result.trace}")
    print(f"\nin {time.perf_counter() - start:.1f} s; look closer: .venv/bin/channelsim trace info {results[0].trace}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
