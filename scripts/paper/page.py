"""The pages: what was found in one paragraph and one figure, the paper's statements and ours with their verdicts, then
the numbers."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.paper import claims, figures, statistics
from scripts.paper.claims import THE_PAPERS, Claim, Comparison, Judgement
from scripts.paper.experiments import RATE, SEED, Experiment
from scripts.paper.outcomes import GUESSING, Outcome, Outcomes
from scripts.paper.record import Record
from scripts.paper.studies import STUDIES, Study

PAPER = "[Baldi, Sadowski and Lu, arXiv 1612.02734](https://arxiv.org/abs/1612.02734)"
OVERVIEW = "overview.svg"
RANKED = "ranked.svg"
BITS = "bits.svg"


def write(study: Study, experiments: Sequence[Experiment], outcomes: Outcomes, record: Record, docs: Path) -> None:
    """Writes the study's page, docs/PAGE.md, and its pictures in docs/PAGE/: of all variants (of many also without
    names), and one per experiment that has results."""
    folder = docs / study.page
    folder.mkdir(parents=True, exist_ok=True)
    figures.save(figures.overview(experiments, outcomes), folder / OVERVIEW)
    if figures.are_many(experiments, outcomes):
        figures.save(figures.ranked(experiments, outcomes), folder / RANKED)
    if figures.quantized(experiments, outcomes):
        figures.save(figures.against_bits(experiments, outcomes), folder / BITS)
    for experiment in _run(experiments, outcomes):
        figures.save(figures.draw(experiment, outcomes), folder / f"{experiment.name}.svg")
    (docs / f"{study.page}.md").write_text(text(study, experiments, outcomes, record, others(study, docs)))


def others(study: Study, docs: Path) -> list[Study]:
    """The other studies that have results in `docs`."""
    return [other for other in STUDIES if other != study and (docs / other.page / "record.json").exists()]


def text(
    study: Study,
    experiments: Sequence[Experiment],
    outcomes: Outcomes,
    record: Record,
    linked: Sequence[Study] = (),
) -> str:
    """The page, in Markdown, with links to those of other studies."""
    judged = [(claim, claim.judge(outcomes)) for claim in study.claims]
    run = _run(experiments, outcomes)
    numbered = list(enumerate(judged, start=1))
    are_many = figures.are_many(experiments, outcomes)
    first = RANKED if are_many else OVERVIEW
    parts = [
        f"# {study.title}",
        _found(study, judged, experiments, outcomes, record),
        f"![Test accuracy of every variant, sorted, with 95 % intervals]({study.page}/{first})",
        "## The paper's statements",
        *_verdicts([one for one in numbered if one[1][0].source in THE_PAPERS]),
        _elsewhere(linked),
        "## Ours",
        *_verdicts([one for one in numbered if one[1][0].source not in THE_PAPERS]),
        "What the construction of the rules leads one to expect; nothing of it is attributed to the paper.",
        *_against_bits(study, run, outcomes),
        "## What was run",
        _about(study, run, outcomes, record),
        *_not_run(experiments, outcomes),
        "## The tests and their numbers",
        _tests_intro(study, record),
        *(_claim(number, claim, judgement) for number, (claim, judgement) in numbered if judgement.comparisons),
        "## The experiments",
        _experiments_intro(run, outcomes, record),
        *([f"![All variants by name, the best first: to be enlarged]({study.page}/{OVERVIEW})"] if are_many else []),
        *(part for experiment in run for part in _experiment(study, experiment, outcomes)),
        *_tuning(run, outcomes, record),
    ]
    return "\n\n".join(parts) + "\n"


def _run(experiments: Sequence[Experiment], outcomes: Outcomes) -> list[Experiment]:
    """The experiments of which a variant has results."""
    return [one for one in experiments if outcomes.found(one)]


# --- the first screen -----------------------------------------------------------------------------------------


def _found(
    study: Study,
    judged: Sequence[tuple[Claim, Judgement]],
    experiments: Sequence[Experiment],
    outcomes: Outcomes,
    record: Record,
) -> str:
    rules = [
        f"{rule} {outcomes('rules', rule).mean:.1f} %"
        for rule in ("bp", "rbp", "srbp", "arbp", "asrbp")
        if outcomes.has("rules", rule)
    ]
    top = (
        f"; training the top layer alone {outcomes('rules', 'top').mean:.1f} %" if outcomes.has("rules", "top") else ""
    )
    bits = "".join(
        f" {claim.subject}: {judgement.note}." for claim, judgement in judged if claim.subject and judgement.note
    )
    beginning = ""
    if record.train is not None:
        images = f"{record.train - experiments[0].scenario.data.validation:,}"
        beginning = (
            f" This is a cut, on {images} of the training images: its verdicts are about the beginning of training."
        )
    return (
        f"Backpropagation through random channels on {study.data}, {_plural(record.epochs, 'epoch')}, "
        f"{_plural(record.seeds, 'seed')}. Test accuracy: {', '.join(rules)}{top}. "
        f"Of the statements of {PAPER}, {_tally(judged, True)}; of ours, {_tally(judged, False)}.{bits} "
        "A verdict is about the network, the data and the training below, and not about the paper's own experiments."
        f"{beginning}"
    )


def _tally(judged: Sequence[tuple[Claim, Judgement]], papers: bool) -> str:
    verdicts = Counter(judgement.verdict for claim, judgement in judged if (claim.source in THE_PAPERS) == papers)
    words = {
        "holds": ("holds", "hold"),
        "holds partly": ("holds partly", "hold partly"),
        "open": ("is open", "are open"),
        "does not hold here": ("does not hold here", "do not hold here"),
        "not run yet": ("is not run yet", "are not run yet"),
    }
    return ", ".join(f"{verdicts[word]} {words[word][verdicts[word] > 1]}" for word in words if verdicts[word])


# --- verdicts -------------------------------------------------------------------------------------------------


def _verdicts(numbered: Sequence[tuple[int, tuple[Claim, Judgement]]]) -> Iterable[str]:
    rows = []
    for number, (claim, judgement) in numbered:
        yes = sum(comparison.answer == "yes" for comparison in judgement.comparisons)
        found = judgement.note or (f"yes to {yes} of {len(judgement.comparisons)}" if judgement.comparisons else "")
        source = (claim.source,) if claim.source in THE_PAPERS else ()
        rows.append((str(number), claim.statement, *source, f"**{judgement.verdict}**", found))
    if rows:
        from_where = ("From",) if len(rows[0]) == 5 else ()
        yield table(("", "Statement", *from_where, "Verdict", "Found"), rows)


def _elsewhere(linked: Sequence[Study]) -> str:
    pages = "".join(f" {other.title}: [{other.page}.md]({other.page}.md)." for other in linked)
    return (
        "*Abstract*: from the abstract; *text*: from sections 3 to 6; words in quotation marks are the paper's, the "
        "others a summary. What the abstract says besides is judged elsewhere: its mathematical results in "
        "[theory.md](theory.md), its explanations in [explanations.md](explanations.md), the computational complexity "
        "of the rules in "
        f"[operations.md](operations.md).{pages}"
    )


def _against_bits(study: Study, run: Sequence[Experiment], outcomes: Outcomes) -> Iterable[str]:
    chosen = figures.quantized(run, outcomes)
    if not chosen:
        return
    rows = [row for experiment in chosen for row in _coded(experiment, outcomes)]
    code = ", in the arithmetic code," if rows else ""
    yield "## Accuracy against bits"
    yield (
        f"![Accuracy against the bits of an update on the learning channels: in words{code} and as entropy]"
        f"({study.page}/{BITS})"
    )
    yield (
        "Bits per update on the learning channels, all layers together, for errors of 1 to 10 exponents that are "
        f"quantized at the sender or at the receiver: in words of a fixed length{code} and as entropy, the bound for "
        "any code that treats values and messages alike."
    )
    if rows:
        yield (
            'In the arithmetic code (`encoding = "entropy"`) the same values travel, so what is learned is the same, '
            "bit for bit. It adapts within a message and begins anew with the next, so that no message depends on "
            "another; short messages pay for that. With a fixed scale it can take less than the entropy, which counts "
            "all messages of an epoch together, while each has frequencies of its own. Bits include the scale, 32 bits "
            "a message where it is relative to the largest; the entropy does not. The arithmetic code's bits, from the "
            "fewest exponents to the most:"
        )
        yield table(("", "In % of words", "In % of the entropy"), rows)


def _coded(experiment: Experiment, outcomes: Outcomes) -> Iterable[tuple[str, ...]]:
    """For each rule, what the arithmetic code takes beside words and beside the entropy."""
    found = outcomes.found(experiment)
    for rule in dict.fromkeys(variant.rule for variant, _ in found):
        own = [outcome for variant, outcome in found if variant.rule == rule and outcome.coded > 0]
        if own:
            parts = ([one.coded / one.bits for one in own], [one.coded / one.entropy for one in own])
            place = experiment.title.rpartition(": ")[2]
            yield f"{rule}, {place}", *(f"{100 * of[0]:.0f} to {100 * of[-1]:.0f}" for of in parts)


# --- what was run ---------------------------------------------------------------------------------------------


def _about(study: Study, run: Sequence[Experiment], outcomes: Outcomes, record: Record) -> str:
    variants = sum(len(outcomes.found(one)) for one in run)
    data = run[0].scenario.data
    trained_on = (record.train or run[0].images) - data.validation
    use = "to choose learning rates on" if any(one.is_tuned for one in run) else "left out"
    validated = f", {data.validation:,} others {use}" if data.validation else ""
    cut = ""
    if record.train is not None:
        cut = f"\nThis is a cut: `{record.whole}` uses all of {study.data}, more epochs and more seeds, and tunes"
        cut += ": [results.md](results.md)."
    files = f"1 experiment (`{run[0].files}`)" if len(run) == 1 else f"{len(run)} experiments (`scenarios/paper/`)"
    untuned = "" if all(one.is_tuned for one in run) else ", if its experiment has more than one"
    tuned = (
        f"Each is tuned on the learning rates of its experiment{untuned}, with one seed and\n"
        f"  {_tuning_epochs(run, record)}; then it is run at its best rate with {_plural(record.seeds, 'other seed')}"
        if any(one.is_tuned for one in run)
        else f"Each is run with {_plural(record.seeds, 'seed')}"
    )
    if record.seeds < study.cut.seeds:
        tuned += f" so far; the same command goes on to {study.cut.seeds}"
    return f"""\
Written by `{record.command}` from the results of its runs, and not edited by hand.{cut}

- **Network**: {study.network}.
- **Data**: {study.data}: {trained_on:,} training images{validated}, and
  10,000 test images for the accuracies.
- **Training**: {_plural(record.epochs, "epoch")}, {study.training}.
- **Runs**: {files} with {variants} variants. {tuned}.
- **Machine**: {record.machine}; {_plural(record.workers, "worker")} of one thread.
- **Time**: {_minutes(record.wall_s)} of wall time in {_plural(record.sittings, "sitting")};
  {record.runs:,} runs that took {_minutes(record.run_s)} together.{_foretold(record)}
- **Software**: {record.software}{" (the last sitting)" if record.sittings > 1 else ""}; {record.date}."""


def _foretold(record: Record) -> str:
    return "" if record.foretold is None else f" Short runs before had foretold {record.foretold:.2f} of the\n  latter."


def _not_run(experiments: Sequence[Experiment], outcomes: Outcomes) -> Iterable[str]:
    rows = []
    for one in experiments:
        missing = [variant.label for variant in one.variants if not outcomes.has(one.name, variant.label)]
        if missing:
            whole = len(missing) == len(one.variants)
            rows.append((one.title, f"`{one.files}`", "all" if whole else "; ".join(missing)))
    if rows:
        yield "Not run yet, and in no number of this page:"
        yield table(("Experiment", "Scenario", "Variants"), rows)


def _minutes(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"


def _tuning_epochs(run: Sequence[Experiment], record: Record) -> str:
    epochs = _plural(record.tuning_epochs, "epoch")
    if record.tuning_train is None:
        return epochs
    return f"{epochs} of {record.tuning_train - run[0].scenario.data.validation:,} images"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


# --- the numbers of the verdicts ------------------------------------------------------------------------------


def _tests_intro(study: Study, record: Record) -> str:
    wide = " With so few seeds the intervals are wide: more questions stay open than with 5."
    none = " With one seed there are no intervals, so what needs one is open."
    return f"""\
Margins and tests are in `{study.margins}` and were fixed before these runs. "Lost" is a difference of mean
test accuracies over {_plural(record.seeds, "seed")}, in percentage points, with Welch's 95 % interval; "Accuracy" is
such a mean in %, with Student's. An answer is *yes* or *no* if the whole interval says so ("surely"), and *open*
otherwise. A claim *holds* if all answers are yes (for "most": more than half), and *holds partly* if only some are.
Without a yes it *does not hold here* if every answer is no, and is *open* while one may still be yes. There is no
correction for multiple comparisons: of a hundred intervals about five miss. Runs that diverge count as
{GUESSING:g} % accuracy.{none if record.seeds == 1 else wide if record.seeds < 5 else ""}"""


def _claim(number: int, claim: Claim, judgement: Judgement) -> str:
    rows = [(one.label, _interval(one), one.answer) for one in judgement.comparisons]
    note = f" {judgement.note[0].upper()}{judgement.note[1:]}." if judgement.note else ""
    return "\n\n".join(
        [
            f"### {number}. {claim.statement}",
            f"Test: {claim.test}",
            f"**{judgement.verdict.capitalize()}**.{note}",
            table(("", judgement.comparisons[0].of.capitalize(), ""), rows),
        ]
    )


def _interval(comparison: Comparison) -> str:
    amount = comparison.amount
    if amount.low == amount.high:
        return f"{amount.mean:.2f}"
    if math.isinf(amount.low):
        return f"{amount.mean:.2f} (one seed)"
    return f"{amount.mean:.2f} ({amount.low:.2f} to {amount.high:.2f})"


# --- experiments ----------------------------------------------------------------------------------------------


def _experiments_intro(run: Sequence[Experiment], outcomes: Outcomes, record: Record) -> str:
    first = run[0]
    label = next(variant for variant in first.variants if outcomes.has(first.name, variant.label))
    outcome = outcomes(first.name, label.label)
    file = first.files if "*" not in first.files else f"scenarios/paper/cifar10-{label.rule}.toml"
    seeds, changes = first.seeds[: record.seeds], _changes(first, record)
    command = " ".join(
        [
            f"channelsim run {file} --set 'sweep={{}}'",
            *changes,
            f"--set {RATE}={outcome.rate:g} {label.settings} --set {SEED}={seeds[0]}",
        ]
    )
    all_have = f" All have {' '.join(f'`{change}`' for change in changes)}." if changes else ""
    coded = ""
    if any(outcome.coded > 0 for one in run for outcome in outcomes.so_far(one.name)):
        coded = "\nCoded ones are those of the first seed with `--set channels.learning.encoding=entropy`."
    spread = ": mean over seeds ± half the 95 % interval (Student's t)" if len(seeds) > 1 else ""
    star = ""
    if any(one.is_tuned for one in run):
        star = "\nA star marks a best rate at an end of the grid: a better one may lie beyond."
    bound = ""
    if any(outcome.entropy > 0 for one in run for outcome in outcomes.so_far(one.name)):
        bound = ";\ntheir entropy is the bound for every code that treats values and messages alike, "
        bound += "counted where values are quantized"
    return f"""\
Test accuracy after the last epoch in %{spread}. The text of each
experiment is the head of its scenario file; what it expects was written before the runs.{star}
Bits are those that the learning channels carry per update, all layers together{bound}.{coded}

Every number is that of `channelsim run` on the experiment's file, with the rate and the settings of its row and
{"seed" if len(seeds) == 1 else "one of the seeds"} {", ".join(map(str, seeds))}.{all_have} The first: `{command}`."""


def _changes(experiment: Experiment, record: Record) -> list[str]:
    """The arguments of `channelsim run` that all runs have beside their scenario's file."""
    file = tomllib.loads(experiment.scenario.text)
    data = file["data"]
    wanted = {
        "training.epochs": (file["training"]["epochs"], record.epochs),
        "data.train": (data.get("train"), record.train),
        "data.validation": (data.get("validation", 0), experiment.scenario.data.validation),
    }
    return [f"--set {key}={here}" for key, (there, here) in wanted.items() if here != there]


def _experiment(study: Study, experiment: Experiment, outcomes: Outcomes) -> Iterable[str]:
    reference = "online" if experiment.name == "online" else "rules"
    bp = outcomes(reference, "bp") if outcomes.has(reference, "bp") else None
    found = outcomes.found(experiment)
    bits = {"Bits per update": "bits", "Coded per update": "coded", "Entropy per update": "entropy"}
    if all(math.isnan(outcome.coded) for _, outcome in found):
        del bits["Coded per update"]
    if not any(outcome.entropy > 0 for _, outcome in found):
        del bits["Entropy per update"]
    rows = [
        (*_row(outcome, bp), *(_whole(getattr(outcome, name)) for name in bits.values()), f"`{variant.settings}`")
        for variant, outcome in found
    ]
    head = ("", "Best rate" if experiment.is_tuned else "Rate", "Accuracy", "Lost against bp", *bits, "Set")
    yield f"### {experiment.title}"
    yield f"{experiment.comment} (`{experiment.files}`)"
    yield f"![{experiment.title}]({study.page}/{experiment.name}.svg)"
    yield table(head, rows)


def _row(outcome: Outcome, bp: Outcome | None) -> tuple[str, ...]:
    return (
        outcome.label,
        f"{outcome.rate:g}" + (r"\*" if outcome.at_edge else ""),
        _accuracy(outcome),
        "" if bp is None or outcome is bp else f"{claims.lost(bp, outcome).mean:.2f}",
    )


def _whole(bits: float) -> str:
    return "" if math.isnan(bits) else f"{bits:,.0f}"


def _accuracy(outcome: Outcome) -> str:
    interval = statistics.mean(outcome.accuracies)
    spread = "" if math.isinf(interval.half) else f" ± {interval.half:.2f}"
    return f"{interval.mean:.2f}{spread}" + (f", {outcome.diverged} diverged" if outcome.diverged else "")


# --- tuning ---------------------------------------------------------------------------------------------------


def _tuning(run: Sequence[Experiment], outcomes: Outcomes, record: Record) -> Iterable[str]:
    tuned = [one for one in run if any(outcome.tuning for outcome in outcomes.so_far(one.name))]
    if not tuned:
        return
    found = [(f"{outcome.label} ({one.name})", outcome) for one in tuned for outcome in outcomes.so_far(one.name)]
    notes = [
        ("Not tuned well, as the best rate is an end of the grid", [name for name, one in found if one.at_edge]),
        ("Learned nothing at any rate of the grid", [name for name, one in found if one.at_chance]),
    ]
    told = "".join(f" {note}: {'; '.join(names)}." for note, names in notes if names)
    yield "## How the learning rates were chosen"
    yield f"""\
Accuracy in % on the validation images after {_tuning_epochs(run, record)}, one run each, with a seed that no
other run has. The highest of a row is the variant's best rate. The test images play no part in it. (The grid itself was
set after a few looks at validation accuracy.){told}"""
    for one in tuned:
        yield _tuning_table(one, outcomes.so_far(one.name))


def _tuning_table(experiment: Experiment, found: Sequence[Outcome]) -> str:
    rates = sorted({rate for outcome in found for rate in outcome.tuning})
    rows = []
    for outcome in found:
        cells = []
        for rate in rates:
            accuracy = outcome.tuning.get(rate)
            shown = "" if accuracy is None else "diverged" if math.isnan(accuracy) else f"{accuracy:.2f}"
            cells.append(f"**{shown}**" if rate == outcome.rate else shown)
        rows.append((outcome.label, *cells))
    return table((experiment.title, *(f"{rate:g}" for rate in rates)), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
