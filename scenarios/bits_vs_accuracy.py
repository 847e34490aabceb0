"""How many bits does an error need? Each number of bits, as they travel, at its own best learning rate.

    .venv/bin/python scenarios/bits_vs_accuracy.py

With few bits a small error is rounded up, so the size of a step depends on the learning rate as much as on the bits: at
one rate for all, the comparison would mean little. The rate is chosen on held-out samples of the training set, and
the accuracy is that of the test set.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import channelsim as cs

DIGITS = Path(__file__).with_name("digits-srbp.toml")
OUT = Path("runs/bits")


def best_of_rates(scenario: cs.Scenario, rates: Iterable[float]) -> cs.Result:
    """The run with the learning rate that does best on the validation set."""
    results = []
    for rate in rates:
        named = scenario.with_({"name": f"{scenario.name}-rate{rate:g}", "training.learning_rate": rate})
        results.append(cs.run(named, out=OUT / f"{named.name}.h5", force=True))
    return max(results, key=lambda result: result.validation_accuracy)


def main(scenario: cs.Scenario, bits: Iterable[int], rates: Iterable[float], picture: Path) -> list[cs.Result]:
    OUT.mkdir(parents=True, exist_ok=True)
    scenario = scenario.with_({"data.validation": 200})
    few = [
        scenario.with_({"name": f"{b}-bit", "channels.learning.quantize": {"kind": "log2", "bits": b}}) for b in bits
    ]
    best = [best_of_rates(variant, rates) for variant in [scenario.with_(name="float32"), *few]]
    for result in best:
        bits_sent = f"{result.bits_per_update:10,.0f} bits an update"
        print(f"{result.name:16} {result.test_accuracy:7.2%} {bits_sent}", flush=True)
    cs.plot([result.trace for result in best], out=picture)
    return best


if __name__ == "__main__":
    main(cs.load(DIGITS), bits=(1, 2, 3, 4, 5), rates=(0.05, 0.1, 0.2, 0.4), picture=OUT / "bits.svg")
