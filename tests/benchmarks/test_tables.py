"""Targets, the page made from a record, and the check for regressions."""

from __future__ import annotations

from benchmarks import regression, report, table
from benchmarks.timing import Times, interleave


def test_a_row_is_short_met_or_beyond():
    def verdict(value: float, at_least: bool) -> str:
        return table.Row("work", "ratio", value, 2.0, 3.0 if at_least else 1.0, at_least).verdict

    assert [verdict(value, True) for value in (1.9, 2.0, 3.0)] == ["short", "met", "stretch"]
    assert [verdict(value, False) for value in (2.1, 2.0, 1.0)] == ["short", "met", "stretch"]
    assert table.Row("work", "ratio", 1.0, None).verdict == ""


def test_rows_survive_json():
    rows = [table.Row("work", "ratio", 1.5, 2.0, None, False, "3 : 2"), table.Row("other", "ratio", 1.0, None)]
    assert table.from_json(table.to_json(rows)) == rows


def test_contestants_take_turns_and_the_first_round_does_not_count():
    calls: list[str] = []

    def work(name: str, frames: int):
        def run() -> int:
            calls.append(name)
            return frames

        return run

    times = interleave({"a": work("a", 1), "b": work("b", 10)}, 3)
    assert calls == ["a", "b"] * 4
    assert {len(each.rounds) for each in times.values()} == {3}
    assert Times((1.0, 5.0, 2.0)).median == 2.0


def test_a_regression_is_fifteen_percent():
    recorded = {"srbp, batch 1": 1.0, "bp, batch 1": 2.0}
    assert regression.compare({"srbp, batch 1": 1.14, "bp, batch 1": 1.0, "new": 9.0}, recorded) == []
    (line,) = regression.compare({"srbp, batch 1": 1.16, "bp, batch 1": 2.0}, recorded)
    assert line.startswith("srbp, batch 1") and "+16%" in line


def test_the_page_is_filled_between_its_markers():
    page = "before\n<!-- begin short -->\nold\n<!-- end short -->\nafter\n"
    row = table.Row("work", "x as fast", 1.0, 2.0, None, True, "2 us : 2 us")
    record = {"rows": table.to_json([row])}
    tables = {"short": report.TABLES["short"]}
    filled = report.fill(page, record, tables)
    assert filled == (
        "before\n<!-- begin short -->\n- work: 1 x as fast, wanted >= 2 (2 us : 2 us)\n<!-- end short -->\nafter\n"
    )
    assert report.fill(filled, record, tables) == filled


def test_every_row_is_in_one_of_the_two_tables():
    rows = [table.Row("aimed", "ratio", 3.0, 2.0), table.Row("found", "ratio", 3.0, None)]
    record = {"rows": table.to_json(rows), "facts": {"one": {"median": 1.0, "rounds": [1.0, 1.0]}}}
    assert "aimed" in report.targets(record) and "found" not in report.targets(record)
    assert "found" in report.others(record) and "aimed" not in report.others(record)


def test_every_table_has_its_place_on_a_page():
    pages = "".join(page.read_text() for page in report.PAGES)
    assert {name: pages.count(f"<!-- begin {name} -->\n") for name in report.TABLES} == dict.fromkeys(report.TABLES, 1)


def test_the_page_says_how_far_rounds_lie_apart():
    def times(*rounds: float) -> dict[str, object]:
        return {"median": sorted(rounds)[1], "rounds": list(rounds)}

    facts = {"maps": {"cores": 2, "times": {"bp": {"a": times(1.0, 1.1, 1.0), "b": times(2.0, 4.0, 3.0)}}}}
    facts["tracing"] = {"online": {"none": times(1.0, 1.0, 1.2)}}
    told = report.spread({"facts": facts})
    assert "20% of it in the median of 3 figures, 67% at most (maps, bp, b)" in told


def test_the_page_says_what_the_same_network_took_twice():
    def points(size: int, seconds: float) -> list[dict[str, float]]:
        return [{"size": 7, "seconds": 1.0}, {"size": size, "seconds": seconds}]

    facts = {"depth, online": points(4, 8e-6), "width, online": points(100, 5e-6)}
    facts |= {"depth, batch 100": points(4, 6e-4), "width, batch 100": points(100, 3e-4)}
    assert report._twice(facts)[0].endswith("8 us and 5 us online, 600 us and 300 us batch 100.")
    assert report._twice(facts | {"width, online": points(50, 1.0), "width, batch 100": points(50, 1.0)}) == []
