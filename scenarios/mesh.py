"""Layers on the tiles of a chip: latencies that follow from where they are placed.

    .venv/bin/python scenarios/mesh.py

Messages go along x, then along y. Where the layers sit changes how long an update takes and how many bits travel how
far, and nothing else: learning is the same to the last bit, because frames wait for each other (the sequential
schedule).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import channelsim as cs

DIGITS = Path(__file__).with_name("digits-srbp.toml")
OUT = Path("runs/mesh")
HOP_NS = 4

Tile = tuple[int, int]
PLACEMENTS: Mapping[str, list[Tile]] = {  # of layers 1, 2, 3 (the top)
    "in a row": [(0, 0), (1, 0), (2, 0)],
    "around the top": [(0, 0), (2, 0), (1, 0)],
    "far apart": [(0, 0), (7, 7), (0, 7)],
}


def hops(a: Tile, b: Tile) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def placed(scenario: cs.Scenario, tiles: list[Tile]) -> cs.Scenario:
    """With the latency of each channel given by the tiles of the layers that it joins."""
    changes = {}
    for h, source in enumerate(range(1, scenario.depth), start=2):
        changes[f'channels."forward.{h}".latency'] = f"{HOP_NS * hops(tiles[source - 1], tiles[h - 1])} ns"
    for h, (source,) in scenario.routes().items():
        changes[f'channels."learning.{h}".latency'] = f"{HOP_NS * hops(tiles[source - 1], tiles[h - 1])} ns"
    wires = {"bandwidth": "64 Gbit/s", "quantize": {"kind": "uniform", "bits": 8, "scale": 1.0}, "header": 64}
    return scenario.with_({"channels.forward": wires, "channels.learning": wires, **changes})


def bit_hops(scenario: cs.Scenario, tiles: list[Tile], result: cs.Result) -> float:
    """Bits times the hops that they travel: what the wires between tiles cost."""
    ends = [(h - 1, h) for h in range(2, scenario.depth + 1)]
    total = sum(result.channels[f"forward.{h}"]["bits"] * hops(tiles[s - 1], tiles[h - 1]) for s, h in ends)
    for h, (s,) in scenario.routes().items():
        total += result.channels[f"learning.{h}"]["bits"] * hops(tiles[s - 1], tiles[h - 1])
    return total


def main(scenario: cs.Scenario, placements: Mapping[str, list[Tile]] = PLACEMENTS) -> list[cs.Result]:
    OUT.mkdir(parents=True, exist_ok=True)
    results = []
    for words, tiles in placements.items():
        name = words.replace(" ", "-")
        result = cs.run(placed(scenario, tiles).with_(name=name), out=OUT / f"{name}.h5", force=True)
        travelled = bit_hops(scenario, tiles, result)
        print(
            f"{words:15} {result.test_accuracy:7.2%}  {1e6 * result.simulated_time_s / result.updates:.3f} us an update"
            f"  {travelled / result.updates:9,.0f} bit-hops an update",
            flush=True,
        )
        results.append(result)
    return results


if __name__ == "__main__":
    main(cs.load(DIGITS))
