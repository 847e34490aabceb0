"""Fills docs/performance.md and docs/performance-notebook.md from the recorded JSON, and draws their figure.

    python -m benchmarks.report [JSON]      benchmarks/results/bench.json by default

A table stands between a pair of comments, `<!-- begin NAME -->` and `<!-- end NAME -->`; NAME is a key of `TABLES`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import table
from benchmarks.figure import draw
from benchmarks.timing import Times

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "benchmarks" / "results" / "bench.json"
AVX2_RECORD = RECORD.with_name("avx2.json")
PAGES = (ROOT / "docs" / "performance.md", ROOT / "docs" / "performance-notebook.md")
FIGURE = ROOT / "docs" / "performance.svg"

Report = dict[str, Any]
SAME_WORK = 0.005  # accuracies of contestants that do the same work lie within so much


def machine(report: Report) -> str:
    about = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    settings = ", ".join(f"`{name}={value}`" for name, value in about["settings"].items())
    caches = ", ".join(f"{name} {size}" for name, size in about["caches"].items())
    lines = [
        f"- {about['cpu']}, {about['cores']} cores, caches {caches}, {about['memory_gib']} GiB of memory",
        f"- {about['system']}, Python {about['python']}; {versions}",
        f"- BLAS: {'; '.join(about['blas'])}",
        f"- Settings: {settings}",
        f"- {report['date']}, `{report['command']}`, {report['rounds']} rounds, {report['took_s']:.0f} s; "
        f"load {about['load'][0]} at the start",
    ]
    return "\n".join(lines)


def targets(report: Report) -> str:
    """The rows with a target."""
    rows = [row for row in table.from_json(report["rows"]) if row.target is not None]
    return f"{table.markdown(rows)}\n\n{spread(report)}"


def others(report: Report) -> str:
    """The rows without a target."""
    return table.markdown([row for row in table.from_json(report["rows"]) if row.target is None])


def avx2(_: Report) -> str:
    """What was recorded without AVX-512."""
    if not AVX2_RECORD.exists():
        return "Not recorded."
    report = json.loads(AVX2_RECORD.read_text())
    about = f"{report['machine']['cpu']}, `{report['command']}` with `CHANNELSIM_LANES=8`, {report['date']}"
    accuracy = report["facts"]["libraries"]["accuracy"]
    wrong = {
        (work, name)
        for work, found in accuracy.items()
        for name, value in found.items()
        if abs(value - found["engine"]) > SAME_WORK
    }
    rows = [
        row for row in table.from_json(report["rows"])
        if not any(row.work == work and name in row.measure for work, name in wrong)
    ]  # fmt: skip
    told = [f"{name} does not learn {work} there, and is left out." for work, name in sorted(wrong)]
    return "\n\n".join([about, table.markdown(rows), *([" ".join(told)] if told else [])])


def spread(report: Report) -> str:
    """The spread between the rounds of one figure: a ratio that close to 1, or to its target, decides nothing."""
    found = sorted((times.spread, name) for times, name in _rounds(report["facts"], ()))
    largest, name = found[-1]
    usual = median(each for each, _ in found)
    return (
        f"Spread of the rounds of one figure, largest less smallest: {usual:.0%} of it in the median of {len(found)} "
        f"figures, {largest:.0%} at most ({name}). A value closer to its target than that may fall on either side."
    )


def _rounds(facts: Any, path: tuple[str, ...]) -> Iterator[tuple[Times, str]]:
    """All times of the record, each with its name."""
    if not isinstance(facts, dict):
        return
    if "rounds" in facts:
        yield Times(tuple(facts["rounds"])), ", ".join(name for name in path if name != "times")
        return
    for name, inner in facts.items():
        yield from _rounds(inner, (*path, name))


def short(report: Report) -> str:
    """The rows that fall short."""
    rows = [row for row in table.from_json(report["rows"]) if row.met is False]
    if not rows:
        return "None."
    return "\n".join(f"- {row.work}: {row.value:.3g} {row.measure}, wanted {row.wanted} ({row.detail})" for row in rows)


def notes(report: Report) -> str:
    return "\n".join(f"- {note}" for note in report["notes"])


def roofs(report: Report) -> str:
    found = report["roofs"]
    rows = [(name, f"{value / 1e9:.1f} GB/s") for name, value in found["bandwidth_bytes_per_s"].items()]
    rows += [(f"sgemm {name}", f"{value / 1e9:.1f} Gflop/s") for name, value in found["sgemm_flop_per_s"].items()]
    kernels = report["machine"]["settings"].get("OPENBLAS_CORETYPE")
    told = f"\n\n`OPENBLAS_CORETYPE={kernels}` was set: sgemm may be faster with this processor's own kernels."
    return _markdown(("what", "measured"), rows) + (told if kernels else "")


def roofline(report: Report) -> str:
    """Bytes and flops per frame of the MNIST network, their time at the roofs, and the measured time of a frame.

    Online: a multiply-accumulate reads a synapse, an update reads and writes one. Mini-batches: the flops of the events
    alone; BLAS also multiplies the zeros.
    """
    rows = []
    bandwidth = next(v for k, v in report["roofs"]["bandwidth_bytes_per_s"].items() if "MNIST" in k)
    sgemm = report["roofs"]["sgemm_flop_per_s"]
    facts = report["facts"]["libraries"]
    for key, counted in facts["operations"].items():
        flops = 2 * (counted["macs"] + counted["update_macs"])
        taken = facts["times"][key]["engine"]["median"]
        if "online" in key:
            moved = 4 * counted["macs"] + 8 * counted["writes"]
            roof, what = moved / bandwidth, f"{moved / 1e3:.0f} KB at {bandwidth / 1e9:.0f} GB/s"
        else:
            speed = sgemm["100 x 784 x 100"]
            roof, what = flops / speed, f"{flops / 1e6:.1f} Mflop at {speed / 1e9:.0f} Gflop/s"
        rows.append((key, f"{flops / 1e6:.3g} Mflop", what, table.us(roof), table.us(taken), f"{taken / roof:.2f}"))
    return _markdown(("work", "flops per frame", "limited by", "time at the roof", "engine", "ratio"), rows)


def growth(report: Report) -> str:
    rows = []
    for family in ("depth", "width"):
        online, batch = (report["facts"]["growth"][f"{family}, {how}"] for how in ("online", "batch 100"))
        for one, many in zip(online, batch, strict=True):
            rows.append(
                (
                    f"{family} {one['size']}",
                    f"{one['synapses']:,}",
                    table.us(one["seconds"]),
                    f"{one['ns_per_synapse']:.3f}",
                    f"{one['bound_ns_per_synapse']:.3f}",
                    table.us(many["seconds"]),
                    f"{many['ns_per_synapse']:.4f}",
                )
            )
    head = ("network", "synapses", "online frame", "ns per synapse touched", "of the memory bound", "batch-100 frame",
            "ns per synapse touched")  # fmt: skip
    return "\n\n".join([_markdown(head, rows), *_twice(report["facts"]["growth"])])


def _twice(facts: Report) -> list[str]:
    """One line if both families have a network of 4 layers of 100 units: two measurements of the same thing."""
    found = []
    for how in ("online", "batch 100"):
        deep = [point["seconds"] for point in facts[f"depth, {how}"] if point["size"] == 4]
        wide = [point["seconds"] for point in facts[f"width, {how}"] if point["size"] == 100]
        found += [f"{table.us(a)} and {table.us(b)} {how}" for a, b in zip(deep, wide, strict=False)]
    told = "Depth 4 and width 100 are the same network, measured twice; they differ by the noise of the machine"
    return [f"{told}: {', '.join(found)}."] if found else []


def batch(report: Report) -> str:
    rows = [(str(point["batch"]), table.us(point["seconds_a_sample"])) for point in report["facts"]["growth"]["batch"]]
    return _markdown(("batch", "time per sample"), rows)


def sparsity(report: Report) -> str:
    rows = []
    for how, found in report["facts"]["sparse"]["forward"].items():
        dense = found["times"]["dense"]["median"]
        for name, times in found["times"].items():
            share = f"{100 * found['share_sent'][name]:.1f} %"
            rows.append((how, share, table.us(times["median"]), f"{times['median'] / dense:.2f}"))
    return _markdown(("mode", "activities sent", "time per frame", "of dense"), rows)


TABLES: dict[str, Callable[[Report], str]] = {
    "machine": machine,
    "targets": targets,
    "others": others,
    "avx2": avx2,
    "short": short,
    "notes": notes,
    "roofs": roofs,
    "roofline": roofline,
    "growth": growth,
    "batch": batch,
    "sparsity": sparsity,
}


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ("---",) * len(head), *rows))


def fill(page: str, report: Report, tables: dict[str, Callable[[Report], str]] = TABLES) -> str:
    """The page with the text between each pair of markers replaced."""
    for name, make in tables.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        made = make(report)
        page = pattern.sub(lambda match, made=made: f"{match[1]}{made}\n{match[2]}", page)
    return page


def main(argv: list[str]) -> None:
    report = json.loads(Path(argv[0] if argv else RECORD).read_text())
    for page in PAGES:
        page.write_text(fill(page.read_text(), report))
    draw(report, FIGURE)


if __name__ == "__main__":
    main(sys.argv[1:])
