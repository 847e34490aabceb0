"""The campaign of faults: kills, damage, mutants and machines that lack something, counted by what came of them.

    python -m tests.campaign                     # all of it: hours
    python -m tests.campaign --share 0.05        # a twentieth of each part
    python -m tests.campaign --only "kills" --first 17 --share 0.01   # one part, with seeds of one's own

Each case is written to a file as it ends, so that the same command goes on where it stopped; one without --first takes
up the seeds of that file. Exit status 1 if there is a failure.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.campaign import inputs, kills, machine, sweeps, traces
from tests.campaign.outcomes import COLUMNS, FAILURES
from tests.campaign.part import Part

PARTS = [*kills.PARTS, *sweeps.PARTS, *traces.PARTS, *inputs.PARTS, *machine.PARTS]

Row = dict[str, Any]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/campaign.jsonl"), help="results, a line each")
    options.add_argument("--share", type=float, default=1.0, help="of the cases of each part (1: all)")
    options.add_argument("--only", default="", help="parts whose name begins so")
    options.add_argument("--first", type=int, help="the first seed (default: that of the file, or a fresh one)")
    options.add_argument("--minutes", type=float, help="stop after so many")
    options.add_argument("--table", action="store_true", help="print the table of the file, and run nothing")
    given = options.parse_args()
    rows = read(given.out)
    if not given.table:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + 60 * given.minutes if given.minutes else None
        with given.out.open("a") as file:
            for part in (part for part in PARTS if part.name.startswith(given.only)):
                go(part, given, rows, file, until)
    print(table(rows))
    given.out.with_suffix(".json").write_text(json.dumps(counts(rows), indent=1) + "\n")
    failed = [row for row in rows if row["kind"] in FAILURES]
    for row in failed:
        print(f"{row['part']}, seed {row['seed']}: {row['kind']}: {row['text']}", file=sys.stderr)
    return 1 if failed else 0


def read(path: Path) -> list[Row]:
    """The results so far; a last line that was cut short is none."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def go(part: Part, given: argparse.Namespace, rows: list[Row], file: Any, until: float | None) -> None:
    """The cases of a part that are not done yet, each with the next seed."""
    before = [row for row in rows if row["part"] == part.name]
    wanted = max(1, round(part.full * given.share))
    first = given.first if given.first is not None else min((row["seed"] for row in before), default=None)
    first = secrets.randbelow(10**9) if first is None else first
    done, seeds = sum(row["count"] for row in before), {row["seed"] for row in before}
    if done >= wanted or (until is not None and time.monotonic() > until):
        return
    print(f"{part.name}: {done} of {wanted} {part.of}, seeds from {first}", flush=True)
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        (Path(folder) / "made").mkdir()
        made = part.prepare(Path(folder) / "made")
        seed = first
        while done < wanted and (until is None or time.monotonic() < until):
            if seed not in seeds:
                place = Path(folder) / str(seed)
                place.mkdir()
                found = part.case(made, seed, place)
                row = {
                    "part": part.name, "of": part.of, "seed": seed, "kind": found.kind, "count": found.count,
                    "text": found.text[-3000:],
                }  # fmt: skip
                rows.append(row)
                file.write(json.dumps(row) + "\n")
                file.flush()
                done += found.count
                shutil.rmtree(place, ignore_errors=True)
            seed += 1


def counts(rows: list[Row]) -> list[Row]:
    """One line a part: seeds, cases, and how many came to what."""
    found = []
    for name in dict.fromkeys(row["part"] for row in rows):
        mine = [row for row in rows if row["part"] == name]
        kinds: Counter[str] = Counter()
        for row in mine:
            kinds[row["kind"]] += row["count"]
        seeds = [min(row["seed"] for row in mine), max(row["seed"] for row in mine)]
        found.append({"part": name, "of": mine[0]["of"], "seeds": seeds, **{kind: kinds[kind] for kind in COLUMNS}})
    return found


def table(rows: list[Row]) -> str:
    """The same as a table in Markdown."""
    lines = ["| part | counted | first seed | " + " | ".join(COLUMNS.values()) + " |"]
    lines.append("|---|--:|--:|" + "--:|" * len(COLUMNS))
    for one in counts(rows):
        total = sum(one[kind] for kind in COLUMNS)
        cells = " | ".join(f"{one[kind]:,}" for kind in COLUMNS)
        lines.append(f"| {one['part']} | {total:,} {one['of']} | {one['seeds'][0]} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
