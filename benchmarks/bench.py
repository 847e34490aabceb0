"""Measures the engine and prints the table of targets.

    python -m benchmarks.bench                     everything, for the record (about ten minutes on a quiet machine)
    python -m benchmarks.bench --quick             fewer samples and rounds, while something is being built
    python -m benchmarks.bench --only sparse,growth
    CHANNELSIM_LANES=8 python -m benchmarks.bench --only libraries     without AVX-512, all contestants, for the record

Everything runs on one core with one thread, contestants taking turns, and medians are compared (docs/performance.md).
"""

from __future__ import annotations

from benchmarks import environment

environment.pin()

import argparse  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks import machine, regression, table, work  # noqa: E402

SECTIONS = ("libraries", "cores", "maps", "sparse", "channels", "tracing", "growth", "memory", "shell")
RESULTS = work.ROOT / "benchmarks" / "results"


def main() -> int:
    options = _options()
    settings = work.QUICK if options.quick else work.FULL
    began = time.perf_counter()
    about = machine.describe()
    print(f"{about['cpu']}, Python {about['python']}, " + ", ".join(f"{k} {v}" for k, v in about["versions"].items()))
    print(f"settings: {about['settings']}; load {about['load'][0]}")
    report: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks.bench", *sys.argv[1:]]),
        "rounds": settings.rounds,
        "quick": settings.quick,
        "machine": about,
        "roofs": machine.roofs(),
        "rows": [],
        "notes": [],
        "facts": {},
    }
    rows: list[table.Row] = []
    for name in options.only:
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        started = time.perf_counter()
        section = importlib.import_module(f"benchmarks.sections.{name}").measure(settings)
        rows += section.rows
        report["notes"] += section.notes
        report["facts"][name] = section.facts | {"took_s": round(time.perf_counter() - started, 1)}
    report["rows"] = table.to_json(rows)
    print(table.text(rows))
    for note in report["notes"]:
        print(note)
    if not (settings.quick or environment.is_avx2()) and options.only == list(SECTIONS):
        regression.record(regression.ratios())
    report["took_s"] = round(time.perf_counter() - began, 1)
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / _file(settings, options.only)
    out.write_text(json.dumps(report, indent=1) + "\n")
    short = [row for row in rows if row.met is False]
    print(f"{len(short)} short of the target; {report['took_s']:.0f} s; written to {out.relative_to(work.ROOT)}")
    return 0


def _file(settings: work.Settings, sections: list[str]) -> str:
    if environment.is_avx2() and not settings.quick:
        return "avx2.json"
    return "quick.json" if settings.quick or sections != list(SECTIONS) else "bench.json"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures the engine and prints the table of targets.")
    parser.add_argument("--quick", action="store_true", help="fewer samples and rounds")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=list(SECTIONS), metavar="SECTION,...",
        help=f"of {', '.join(SECTIONS)}",
    )  # fmt: skip
    options = parser.parse_args()
    unknown = sorted(set(options.only) - set(SECTIONS))
    if unknown:
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
