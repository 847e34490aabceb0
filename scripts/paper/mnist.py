"""What is claimed about learning MNIST, and by which test each claim is judged.

All margins and tests stand here, before any run; the page repeats them. Words in quotation marks are the paper's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from channelsim.scenario import Quantize
from scripts.paper import statistics
from scripts.paper.claims import (
    ABSTRACT,
    EXPECTED,
    PAPER,
    Claim,
    Comparison,
    Judgement,
    alike,
    all_of,
    almost_as_well,
    at_most_partly,
    behind,
    close,
    less_than,
    often,
    reaches,
    robustly,
    stays_below,
    steady,
)
from scripts.paper.outcomes import Outcome, Outcomes
from scripts.paper.statistics import Interval

CLOSE = 1.0
"""Points of accuracy: "almost as well as" means that less than this is lost."""

SAME = 0.5
"""Points of accuracy: "indistinguishable" means that less than this is lost."""

MATTERS = 0.5
"""Points of accuracy: what is important costs more than this where it is missing."""

WORST = 2.0
"""Points of accuracy: a rule works robustly if even its worst seed stays within this of bp's mean."""

SLIGHTLY = 2.0
"""Points of accuracy: "slightly better" means better, but by less than this."""

STEP = 5.0
"""Points of accuracy: accuracy degrades gracefully if no next smaller number of bits costs more than this."""

FEW = 4
"""Bits: "few" means at most this many."""

SIMILAR = 3.0
"""Points of accuracy: "similar" means less than this apart."""

NOTHING = 30.0
"""Accuracy in %: what does "not work at all" stays below this."""

RANDOM = ("rbp", "srbp")
THREE = ("bp", *RANDOM)
TRANSFERS = ("linear", "logistic", "relu")

Compare = Callable[[Outcomes], Judgement]


def _all(found: Iterable[Comparison]) -> Judgement:
    found = tuple(found)
    return Judgement(all_of(found), found)


def enough_bits(exponents: Sequence[int], comparisons: Sequence[Comparison]) -> Judgement:
    """How few exponents do, and so how few bits on the wire: the smallest from which on every tested number is close.

    Holds if these are few bits, partly if they are more, and is open if it is open whether the most are enough.
    """
    from_most = sorted(zip(exponents, comparisons, strict=True), key=lambda pair: pair[0], reverse=True)
    enough = [number for number, _ in itertools.takewhile(lambda pair: pair[1].answer == "yes", from_most)]
    if not enough:
        verdict = at_most_partly([from_most[0][1].answer])
        return Judgement(verdict, tuple(comparisons), f"not even {_length(max(exponents))} are surely enough")
    fewest = enough[-1]
    verdict = "holds" if width(fewest) <= FEW else "holds partly"
    return Judgement(verdict, tuple(comparisons), f"{_length(fewest)} and more are enough")


def width(exponents: int) -> int:
    """Bits of a word on the wire."""
    return Quantize(kind="log2", exponents=exponents).width


def _length(exponents: int) -> str:
    """E.g. "3 exponents, words of 3 bits,"."""
    bits = width(exponents)
    return f"{_exponents(exponents)}, words of {bits} bit{'s' * (bits > 1)},"


# --- the paper's statements -----------------------------------------------------------------------------------


def _named(outcomes: Outcomes) -> list[Outcome]:
    """The variants that the abstract names: random, skipped, adaptive, sparse, and their combinations."""
    return [
        *(outcomes("rules", rule) for rule in ("rbp", "srbp", "arbp", "asrbp")),
        *(outcomes("sparse", f"{rule}, 8 wires") for rule in RANDOM),
        *(outcomes("combinations", f"{rule}, 8 wires") for rule in ("arbp", "asrbp")),
    ]


def _derivative(outcomes: Outcomes) -> Judgement:
    rules = ("bp", "rbp", "srbp", "asrbp")
    pairs = [(outcomes("rules", rule), outcomes("derivative", f"{rule}, without f′")) for rule in rules]
    return _all(behind(pairs, MATTERS))


def _few_bits(experiment: str, exponents: Sequence[int]) -> Compare:
    def compare(outcomes: Outcomes) -> Judgement:
        tested = [outcomes(experiment, f"srbp, {_exponents(number)}") for number in exponents]
        return enough_bits(exponents, close(outcomes("rules", "srbp"), tested, CLOSE))

    return compare


def _exponents(number: int) -> str:
    return f"{number} exponent{'s' * (number > 1)}"


def _number(outcome: Outcome) -> int:
    """The number in a label such as "srbp, 3 exponents"."""
    return int(outcome.label.split()[1])


def _gracefully(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in THREE:
        tested = sorted(
            (one for one in outcomes.of("error-bits-paper") if one.label.startswith(f"{rule},")), key=_number
        )
        for fewer, more in itertools.pairwise(tested):
            step = statistics.difference(more.accuracies, fewer.accuracies)
            label = f"{rule}, from {_number(more)} to {_number(fewer)}"
            found.append(Comparison(label, step, less_than(STEP, step)))
    return _all(found)


def _indistinguishable(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in THREE:
        tested = outcomes("error-bits-paper", f"{rule}, 10 exponents")
        found += alike(outcomes("papers-rate", rule), [tested], SAME)
    return _all(found)


def _low_precision_updates(outcomes: Outcomes) -> Judgement:
    return _all(reaches(90.0, [outcomes("update-bits-paper", f"{rule}, 1 exponent") for rule in THREE]))


def _updates_alike(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for exponents in ("1 exponent", "3 exponents", "10 exponents"):
        tested = [outcomes("update-bits-paper", f"{rule}, {exponents}") for rule in RANDOM]
        found += alike(outcomes("update-bits-paper", f"bp, {exponents}"), tested, WORST)
    return _all(found)


def _drawn_anew(outcomes: Outcomes) -> Judgement:
    tested = [outcomes("redraw", f"{rule}, C drawn anew") for rule in RANDOM]
    return _all(alike(outcomes("rules", "top"), tested, SIMILAR))


def _signs_of_weights(outcomes: Outcomes) -> Judgement:
    bp, tested = outcomes("rules", "bp"), outcomes("redraw", "sign, C drawn anew")
    lost = statistics.difference(bp.trained, tested.trained)
    found = (Comparison(f"{tested.label}, on training images", lost, less_than(CLOSE, lost)),)
    errors = 100 - float(tested.trained.mean()), 100 - float(bp.trained.mean())
    return Judgement(all_of(found), found, "training error {:.2f} %, of bp {:.2f} %".format(*errors))


def _mean(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in RANDOM:
        found += alike(outcomes("rules", rule), [outcomes("mean", f"{rule}, C of mean 0.1")], CLOSE)
    return _all(found)


def _signs_of_updates(outcomes: Outcomes) -> Judgement:
    signs, srbp, top = (
        outcomes("update-signs", "srbp, signs of updates"),
        outcomes("rules", "srbp"),
        outcomes("rules", "top"),
    )
    return _all(behind([(signs, top), (srbp, signs)]))


def _sizes_of_updates(outcomes: Outcomes) -> Judgement:
    return _all(stays_below(NOTHING, [outcomes("update-signs", "srbp, sizes of updates")]))


def _per_synapse(outcomes: Outcomes) -> Judgement:
    return _all(stays_below(NOTHING, [outcomes("per-synapse", "srbp, C per synapse")]))


def _skipped_is_better(outcomes: Outcomes) -> Judgement:
    srbp, rbp = outcomes("rules", "srbp"), outcomes("rules", "rbp")
    slightly = statistics.difference(srbp.accuracies, rbp.accuracies)
    return _all(
        [
            *behind([(srbp, rbp)]),
            Comparison(f"by less than {SLIGHTLY:g} points", slightly, less_than(SLIGHTLY, slightly)),
        ]
    )


def _deep(outcomes: Outcomes) -> Judgement:
    shallow = outcomes("rules", "srbp")
    deep = [outcomes("depth", f"srbp, {layers} hidden layers") for layers in (10, 20, 30)]
    return _all([*close(shallow, deep, WORST), *steady(shallow, deep, 2 * WORST)])


def _frozen(outcomes: Outcomes) -> Judgement:
    pairs = [
        (outcomes("frozen", f"{rule}, layers 1-{h} frozen"), outcomes("frozen", f"{rule}, layer {h} frozen"))
        for rule in RANDOM
        for h in (2, 3, 4)
    ]
    found = behind(pairs)
    return Judgement(often(found), found)


def _dropout(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in THREE:
        tested = [outcomes("dropout", f"{rule}, {share} lost") for share in ("10%", "50%")]
        found += close(outcomes("rules", rule), tested, WORST)
    return _all(found)


def _congruent(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in RANDOM:
        plain, congruent = outcomes("rules", rule), outcomes("congruent", f"{rule}, congruent")
        found += behind([(congruent, plain)])
        worse = float(congruent.accuracies.min() - plain.accuracies.min())
        steadier = worse > 0 and not congruent.diverged
        label = f"worst seed of {rule} behind that of {rule}, congruent"
        found.append(Comparison(label, Interval(worse, worse, worse), "yes" if steadier else "no"))
    return _all(found)


# --- ours -----------------------------------------------------------------------------------------------------


def _hidden_layers_learn(outcomes: Outcomes) -> Judgement:
    rules = ("bp", "rbp", "srbp", "arbp", "asrbp", "sign", "drtp")
    top = outcomes("rules", "top")
    return _all(behind([(outcomes("rules", rule), top) for rule in rules]))


def _skipping(outcomes: Outcomes) -> Judgement:
    by_hand = [outcomes("routes", f"rbp, {route}") for route in ("every second layer", "mixed")]
    return _all(close(outcomes("rules", "rbp"), [outcomes("rules", "srbp"), *by_hand], CLOSE))


def _cascade(outcomes: Outcomes) -> Judgement:
    return _all(close(outcomes("rules", "rbp"), [outcomes("routes", "rbp, cascade")], CLOSE))


def _adaptive(outcomes: Outcomes) -> Judgement:
    pairs = [(outcomes("rules", f"a{rule}"), outcomes("rules", rule)) for rule in RANDOM]
    pairs += [
        (outcomes("combinations", f"a{rule}, {wires}"), outcomes("sparse", f"{rule}, {wires}"))
        for rule in RANDOM
        for wires in ("8 wires", "1 wire")
    ]
    return _all(behind(pairs))


def _like_plain(experiment: str, part: str = "") -> Compare:
    """Close to the same rule with nothing changed, for all variants whose label contains `part`."""

    def compare(outcomes: Outcomes) -> Judgement:
        found: list[Comparison] = []
        for outcome in outcomes.of(experiment):
            if part in outcome.label:
                found += close(outcomes("rules", outcome.label.split(",")[0]), [outcome], CLOSE)
        return _all(found)

    return compare


def _half_lost(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in RANDOM:
        found += close(outcomes("rules", rule), [outcomes("dropout", f"{rule}, 50% lost")], CLOSE)
    return _all(found)


def _transfers(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for transfer in TRANSFERS:
        tested = [outcomes("transfers", f"{rule}, {transfer}") for rule in RANDOM]
        found += close(outcomes("transfers", f"bp, {transfer}"), tested, CLOSE)
    return _all(found)


def _skipped_backpropagation(outcomes: Outcomes) -> Judgement:
    return _all(close(outcomes("rules", "bp"), [outcomes("rules", "sbp")], CLOSE))


def _averaged(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for outcome in outcomes.of("copies"):
        found += alike(outcomes("rules", outcome.label.split(",")[0]), [outcome], CLOSE)
    return _all(found)


def _kolen_pollack(outcomes: Outcomes) -> Judgement:
    tested = [outcomes("weight-decay", f"{rule}, weight decay 0.001") for rule in ("arbp", "asrbp")]
    return _all(close(outcomes("weight-decay", "bp, weight decay 0.001"), tested, SAME))


def _online(outcomes: Outcomes) -> Judgement:
    candidates = [outcomes("online", rule) for rule in RANDOM]
    found = close(outcomes("online", "bp"), candidates, CLOSE)
    return _all([*found, *behind([(candidate, outcomes("online", "top")) for candidate in candidates])])


def _target(outcomes: Outcomes) -> Judgement:
    return _all(behind([(outcomes("rules", "srbp"), outcomes("rules", "drtp"))]))


ONLINE = Claim(
    "Online learning shows the same.",
    EXPECTED,
    f"With one update per sample, rbp and srbp surely lose less than {CLOSE:g} point against bp, and top is surely "
    "behind them.",
    _online,
)

CLAIMS = (
    almost_as_well("variants", "the variants that the abstract names", _named, CLOSE),
    robustly("variants", _named, WORST),
    Claim(
        "Multiplication by the derivatives of the activation functions is important.",
        ABSTRACT,
        f"Without f′ every rule surely loses more than {MATTERS:g} points against itself with f′.",
        _derivative,
    ),
    Claim(
        "A few bits per error suffice on the learning channel (the abstract asks how few).",
        ABSTRACT,
        f"srbp surely loses less than {CLOSE:g} point against itself with errors in 32 bits, with words of {FEW} "
        f"bits and with every larger number tested; partly, if that takes more than {FEW}.",
        _few_bits("error-bits", (1, 2, 3, 4, 5, 6, 8, 10)),
        "Errors of srbp",
    ),
    Claim(
        "With fewer bits per error accuracy “degrades gracefully”.",
        PAPER,
        f"With the paper's settings, bp, rbp and srbp surely lose less than {STEP:g} points from each number of "
        "exponents tested to the next smaller one.",
        _gracefully,
    ),
    Claim(
        "With 10 bits (exponents) per error it is “indistinguishable from” that of 32-bit numbers.",
        PAPER,
        f"With the paper's settings, bp, rbp and srbp are surely less than {SAME:g} points away from themselves in 32 "
        "bits.",
        _indistinguishable,
    ),
    Claim(
        "“Even very low-precision updates” come to “90% accuracy”.",
        PAPER,
        "With the paper's settings and 1 exponent, bp, rbp and srbp are surely above 90 %.",
        _low_precision_updates,
    ),
    Claim(
        "With low-precision updates bp, rbp and srbp are alike.",
        PAPER,
        f"With 1, 3 and 10 exponents, rbp and srbp are surely less than {WORST:g} points away from bp.",
        _updates_alike,
    ),
    Claim(
        "With C drawn anew for each mini-batch learning is “poor and similar to training only the top layer”.",
        PAPER,
        f"rbp and srbp are then surely less than {SIMILAR:g} points away from top.",
        _drawn_anew,
    ),
    Claim(
        "With the signs of W the training error still goes to 0.",
        PAPER,
        f"sign with magnitudes drawn anew surely loses less than {CLOSE:g} point against bp, on the training images.",
        _signs_of_weights,
    ),
    Claim(
        "With C of non-zero mean “performance is unchanged”.",
        PAPER,
        f"With a mean of 0.1, the deviation of C between hidden layers, rbp and srbp are surely less than {CLOSE:g} "
        "point away from themselves.",
        _mean,
    ),
    Claim(
        "With only the sign of its updates srbp is better than top and worse than plain srbp.",
        PAPER,
        "top is surely behind it, and it is surely behind srbp.",
        _signs_of_updates,
    ),
    Claim(
        "Only the absolute values of its updates “do not work at all”.",
        PAPER,
        f"srbp is then surely below {NOTHING:g} %.",
        _sizes_of_updates,
    ),
    Claim(
        "A different random weight for each synapse “does not work at all”.",
        PAPER,
        f"On a small network srbp is then surely below {NOTHING:g} %.",
        _per_synapse,
    ),
    Claim(
        "Skipped is slightly better than layered.",
        PAPER,
        f"rbp is surely behind srbp, and surely by less than {SLIGHTLY:g} points.",
        _skipped_is_better,
    ),
    Claim(
        "“Very deep networks can be trained with srbp without any problem.”",
        PAPER,
        f"With 10, 20 and 30 hidden layers srbp surely loses less than {WORST:g} points against itself with 4, no run "
        f"diverges, and the worst seed is within {2 * WORST:g}.",
        _deep,
    ),
    Claim(
        "A layer h that is frozen while the others learn is “often worse than if we fix layers l ≤ h”.",
        PAPER,
        "At one third or more of the layers 2 to 4, under rbp and srbp, freezing layer h alone is surely behind "
        "freezing layers 1 to h.",
        _frozen,
    ),
    Claim(
        "bp, rbp and srbp are robust to dropout in the learning channel.",
        PAPER,
        f"With 10 % and with 50 % of the errors lost, each surely loses less than {WORST:g} points.",
        _dropout,
    ),
    Claim(
        "Congruent weights help speed and stability.",
        PAPER,
        "C with the signs of W at the start: after the same number of epochs rbp and srbp without it are surely "
        "behind, and their worst seeds are lower.",
        _congruent,
    ),
    Claim(
        "A few bits per weight update suffice.",
        EXPECTED,
        f"As for errors: srbp with updates of {FEW} bits or fewer.",
        _few_bits("update-bits", (1, 2, 3, 5, 8)),
        "Updates of srbp",
    ),
    Claim(
        "Hidden layers learn under every rule: training the top alone is worse.",
        EXPECTED,
        "top is surely behind bp, rbp, srbp, arbp, asrbp, sign and drtp.",
        _hidden_layers_learn,
    ),
    Claim(
        "Backpropagation may skip layers and their derivatives.",
        EXPECTED,
        f"sbp surely loses less than {CLOSE:g} point against bp.",
        _skipped_backpropagation,
    ),
    Claim(
        "Several C, averaged, are no better than one.",
        EXPECTED,
        f"With 2 and 5 C, rbp and srbp are surely less than {CLOSE:g} point away from themselves with one.",
        _averaged,
    ),
    Claim(
        "C of low rank is enough.",
        EXPECTED,
        f"srbp with C of rank 1, 2 and 5 surely loses less than {CLOSE:g} point against all of C.",
        _like_plain("low-rank"),
    ),
    Claim(
        "With weight decay on W and C adaptive feedback becomes backpropagation (Kolen and Pollack).",
        EXPECTED,
        f"With the same decay, arbp and asrbp surely lose less than {SAME:g} points against bp.",
        _kolen_pollack,
    ),
    Claim(
        "Errors may skip layers.",
        EXPECTED,
        f"srbp and both routes by hand surely lose less than {CLOSE:g} point against rbp.",
        _skipping,
    ),
    Claim(
        "Errors may come from every layer above.",
        EXPECTED,
        f"In a cascade rbp surely loses less than {CLOSE:g} point against itself.",
        _cascade,
    ),
    Claim(
        "A feedback matrix that adapts is better than a fixed one.",
        EXPECTED,
        "Fixed C is surely behind adaptive C, layered and skipped, with all wires, 8 and 1.",
        _adaptive,
    ),
    Claim(
        "Sparse feedback of 8 wires per neuron costs little.",
        EXPECTED,
        f"rbp and srbp with 8 wires surely lose less than {CLOSE:g} point against all wires.",
        _like_plain("sparse", "8 wires"),
    ),
    Claim(
        "One wire per neuron costs little.",
        EXPECTED,
        "The same with 1 wire on average.",
        _like_plain("sparse", "1 wire"),
    ),
    Claim(
        "How C is drawn matters little.",
        EXPECTED,
        f"Each distribution surely loses less than {CLOSE:g} point against the normal one, in rbp and in srbp.",
        _like_plain("distributions"),
    ),
    Claim(
        "C needs few bits.",
        EXPECTED,
        f"srbp with C in 1, 2 and 4 bits surely loses less than {CLOSE:g} point against C in 32 bits.",
        _like_plain("feedback-bits"),
    ),
    Claim(
        "Half of the errors may be lost.",
        EXPECTED,
        f"rbp and srbp surely lose less than {CLOSE:g} point with p = 0.5.",
        _half_lost,
    ),
    Claim(
        "Random feedback learns with other transfer functions.",
        EXPECTED,
        f"With linear, logistic and ReLU units, rbp and srbp surely lose less than {CLOSE:g} point against bp with the "
        "same units.",
        _transfers,
    ),
    ONLINE,
    Claim(
        "The error teaches better than the target.",
        EXPECTED,
        "drtp is surely behind srbp.",
        _target,
    ),
)

IN_BATCHES = tuple(claim for claim in CLAIMS if claim is not ONLINE)
"""Those about mini-batches, which are the paper's."""
