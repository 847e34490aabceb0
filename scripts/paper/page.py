"""docs/results.md and docs/results-cifar10.md: the claims, the verdicts and their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.paper import claims, figures, statistics
from scripts.paper.claims import Claim, Comparison
from scripts.paper.experiments import Experiment
from scripts.paper.outcomes import GUESSING, Outcome, Outcomes, Rate
from scripts.paper.record import Record
from scripts.paper.studies import STUDIES, Study

PAPER = "[Baldi, Sadowski and Lu, arXiv 1612.02734](https://arxiv.org/abs/1612.02734)"


def write(study: Study, experiments: Sequence[Experiment], outcomes: Outcomes, record: Record, docs: Path) -> None:
    """Writes the study's page, docs/PAGE.md, and one picture per experiment in docs/PAGE/."""
    (docs / study.page).mkdir(parents=True, exist_ok=True)
    for experiment in experiments:
        figures.save(figures.draw(experiment, outcomes), docs / study.page / f"{experiment.name}.svg")
    (docs / f"{study.page}.md").write_text(text(study, experiments, outcomes, record, others(study, docs)))


def others(study: Study, docs: Path) -> list[Study]:
    """The other studies that have results in `docs`."""
    return [other for other in STUDIES if other != study and (docs / other.page).is_dir()]


def text(
    study: Study,
    experiments: Sequence[Experiment],
    outcomes: Outcomes,
    record: Record,
    linked: Sequence[Study] = (),
) -> str:
    """The page, in Markdown, with links to those of other studies."""
    parts = [
        f"# The paper's claims on {study.data}, tested",
        _about(study, experiments, outcomes, record, linked),
        "## Verdicts",
        *_verdicts(study, outcomes, record),
        "## The tests and their numbers",
        _tests_intro(study, record),
        *(_claim(number, claim, outcomes) for number, claim in enumerate(study.claims, start=1)),
        "## The experiments",
        _experiments_intro(),
        *(part for experiment in experiments for part in _experiment(study, experiment, outcomes)),
        "## How the learning rates were chosen",
        _tuning_intro(experiments, record),
        *(_tuning(experiment, outcomes) for experiment in experiments),
    ]
    return "\n\n".join(parts) + "\n"


# --- what was run ---------------------------------------------------------------------------------------------


def _about(
    study: Study, experiments: Sequence[Experiment], outcomes: Outcomes, record: Record, linked: Sequence[Study]
) -> str:
    variants = sum(len(experiment.variants) for experiment in experiments)
    rates = len(experiments[0].rates)
    data = experiments[0].scenario.data
    trained_on = (record.train or experiments[0].images) - data.validation
    cut = ""
    if record.train is not None:
        cut = f"\nThis is a cut: `{record.whole}` uses all of {study.data}, more epochs and more seeds."
    cut += "".join(f"\nThe same questions on {other.data}: [{other.page}.md]({other.page}.md)." for other in linked)
    one = len(experiments) == 1
    runs = f"1 experiment (`{experiments[0].files}`)" if one else f"{len(experiments)} experiments (`scenarios/paper/`)"
    common = " and at a common one" if "common" in outcomes.rates else ""
    return f"""\
Written by `{record.command}` from the results of its runs, and not edited by hand.{cut}

The claims are those of the abstract of {PAPER},
and what the construction of its learning rules leads one to expect. Nothing else is attributed to the paper. A verdict
is about the network, the data and the training below, and not about the paper's own experiments. The
abstract's mathematical claims have their verdicts in [theory.md](theory.md), its explanations in
[explanations.md](explanations.md).

- **Network**: {study.network}.
- **Data**: {study.data}: {trained_on:,} training images, {data.validation:,} others to choose learning rates on, and
  10,000 test images for the accuracies below.
- **Training**: {_plural(record.epochs, "epoch")}, {study.training}.
- **Runs**: {runs} with {variants} variants. Each is tuned on {rates}
  learning rates, with one seed and {_tuning_epochs(experiments, record)}; then it is run with
  {_plural(record.seeds, "other seed")}, at its own best rate{common}.
- **Machine**: {record.machine}; {_plural(record.workers, "worker")} of one thread.
- **Time**: {_minutes(record.wall_s)} of wall time in {_plural(record.sittings, "sitting")};
  {record.runs:,} runs that took {_minutes(record.run_s)} together.
- **Software**: {record.software}; {record.date}."""


def _minutes(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"


def _tuning_epochs(experiments: Sequence[Experiment], record: Record) -> str:
    epochs = _plural(record.tuning_epochs, "epoch")
    if record.tuning_train is None:
        return epochs
    return f"{epochs} of {record.tuning_train - experiments[0].scenario.data.validation:,} images"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


# --- claims ---------------------------------------------------------------------------------------------------


def _verdicts(study: Study, outcomes: Outcomes, record: Record) -> Iterable[str]:
    rows = []
    for number, claim in enumerate(study.claims, start=1):
        best, *common = (claim.judge(outcomes, rate) for rate in outcomes.rates)
        yes = sum(comparison.answer == "yes" for comparison in best.comparisons)
        found = best.note or f"{yes} of {len(best.comparisons)}"
        verdicts = (f"**{best.verdict}**", found, *(judgement.verdict for judgement in common))
        rows.append((str(number), claim.statement, claim.source, *verdicts))
    head = ("", "Claim", "From", "Verdict, each at its own best rate", "Yes to", "At the common rate")
    yield table(head[: 4 + len(outcomes.rates)], rows)
    if record.seeds < 5:
        yield f"With {record.seeds} seeds the intervals are wide, and questions stay open that 5 seeds would settle."


def _tests_intro(study: Study, record: Record) -> str:
    return f"""\
Margins and tests are in `{study.margins}` and were fixed before these runs. "Lost" is a difference of mean
test accuracies over {_plural(record.seeds, "seed")}, in percentage points, with Welch's 95 % interval. An answer is
*yes* or *no* if the whole interval says so ("surely"), and *open* otherwise. A claim holds if all answers are yes (or,
for "most", more than half), and holds partly if some are. If none is yes, it does not hold here if all are no, and is
open otherwise. There is no correction for multiple comparisons: of a hundred intervals about five miss. Runs that
diverge count as {GUESSING:g} % accuracy."""


def _claim(number: int, claim: Claim, outcomes: Outcomes) -> str:
    judgements = {rate: claim.judge(outcomes, rate) for rate in outcomes.rates}
    best = judgements["best"]
    rows = [
        (row[0].label, *(cell for comparison in row for cell in (_interval(comparison), comparison.answer)))
        for row in zip(*(judgement.comparisons for judgement in judgements.values()), strict=True)
    ]
    places = {"best": "at its own best rate", "common": "at the common rate"}
    head = ("", *(cell for rate in judgements for cell in (f"Lost {places[rate]}", "")))
    notes = "; ".join(f"{places[rate]} {judgement.note}" for rate, judgement in judgements.items() if judgement.note)
    notes = f" {notes[0].upper()}{notes[1:]}." if notes else ""
    common = f" (at the common rate: {judgements['common'].verdict})" if "common" in judgements else ""
    return "\n\n".join(
        [
            f"### {number}. {claim.statement}",
            f"From: {claim.source}. Test: {claim.test}",
            f"**{best.verdict.capitalize()}**{common}.{notes}",
            table(head, rows),
        ]
    )


def _interval(comparison: Comparison) -> str:
    lost = comparison.lost
    if lost.low == lost.high:
        return f"{lost.mean:.2f}"
    if math.isinf(lost.low):
        return f"{lost.mean:.2f} (one seed)"
    return f"{lost.mean:.2f} ({lost.low:.2f} to {lost.high:.2f})"


# --- experiments ----------------------------------------------------------------------------------------------


def _experiments_intro() -> str:
    return """\
Test accuracy after the last epoch in %: mean over seeds ± half the 95 % interval (Student's t). The text of each
experiment is the head of its scenario file, written before the runs. A star marks a best rate at an end of the grid: a
better one may lie beyond. Bits are those that the learning channels carry per update, all layers together."""


def _experiment(study: Study, experiment: Experiment, outcomes: Outcomes) -> Iterable[str]:
    bp = outcomes("online" if experiment.name == "online" else "rules", "bp")
    rows = [_row(outcome, bp) for outcome in outcomes.of(experiment.name)]
    common = [f"Accuracy at the common rate {experiment.common_rate:g}"] if "common" in outcomes.rates else []
    head = ("", "Best rate", "Accuracy", "Lost against bp", *common, "Bits per update")
    yield f"### {experiment.title}"
    yield f"{experiment.comment} (`{experiment.files}`)"
    yield f"![{experiment.title}]({study.page}/{experiment.name}.svg)"
    yield table(head, rows)


def _row(outcome: Outcome, bp: Outcome) -> tuple[str, ...]:
    lost = "" if outcome is bp else f"{claims.lost(bp, outcome, 'best').mean:.2f}"
    return (
        outcome.label,
        f"{outcome.rate:g}" + (r"\*" if outcome.at_edge else ""),
        _accuracy(outcome, "best"),
        lost,
        *([_accuracy(outcome, "common")] if "common" in outcome.accuracies else []),
        "" if math.isnan(outcome.bits) else f"{outcome.bits:,.0f}",
    )


def _accuracy(outcome: Outcome, rate: Rate) -> str:
    interval = statistics.mean(outcome.accuracies[rate])
    spread = "" if math.isinf(interval.half) else f" ± {interval.half:.2f}"
    diverged = outcome.diverged[rate]
    return f"{interval.mean:.2f}{spread}" + (f", {diverged} diverged" if diverged else "")


def _tuning_intro(experiments: Sequence[Experiment], record: Record) -> str:
    return f"""\
Accuracy in % on the validation images after {_tuning_epochs(experiments, record)}, one run each, with a seed that no
other run has. The highest of a row is the variant's best rate. The test images play no part in it. (The grid itself was
set after a few looks at validation accuracy.)"""


def _tuning(experiment: Experiment, outcomes: Outcomes) -> str:
    rows = []
    for outcome in outcomes.of(experiment.name):
        cells = []
        for rate in experiment.rates:
            accuracy = outcome.tuning[rate]
            shown = "diverged" if math.isnan(accuracy) else f"{accuracy:.2f}"
            cells.append(f"**{shown}**" if rate == outcome.rate else shown)
        rows.append((outcome.label, *cells))
    return table((experiment.title, *(f"{rate:g}" for rate in experiment.rates)), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
