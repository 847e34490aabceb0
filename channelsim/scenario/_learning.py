"""[learning] and [learning.feedback]: by which rule errors reach hidden layers, and how C is drawn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator

from channelsim.rules import RULES, SYNONYMS, Message, Route, Rule, Wiring
from channelsim.scenario._given import Matrix, WeightsFile, epoch_problems
from channelsim.scenario._own_rule import OwnRule
from channelsim.scenario._rates import Rates
from channelsim.scenario._table import Table, TableError, shown
from channelsim.scenario._types import Magnitude, NoneWord, PositiveFloat, PositiveInt

if TYPE_CHECKING:
    RuleName = str
else:
    RuleName = Annotated[Literal[tuple(RULES)], WithJsonSchema({"enum": [*RULES, *SYNONYMS], "type": "string"})]

RouteWord = Annotated[
    str,
    Field(
        pattern=r"^(layered|skipped|cascade|from [1-9]\d*(, [1-9]\d*)*)$",
        json_schema_extra={"x-accepted": '"layered", "skipped", "cascade", "from N" or "from N, M"'},
    ),
]


def _own_rule(value: Any) -> Any:
    """The rule of a table; other values as they are."""
    return OwnRule(**value) if isinstance(value, dict) else value


def _by_layer(value: Any) -> Any:
    """The keys of a table of C as text: in Python they may be numbers."""
    if not isinstance(value, dict):
        return value
    return {str(key): matrix for key, matrix in value.items()}


class Feedback(Table):
    """How the feedback weights C are drawn, or where they are given."""

    distribution: Literal["normal", "uniform", "sign", "binary", "orthogonal"] = "normal"
    """sign: +-scale; binary: 0 or scale, evenly, so that mean and standard deviation are half of it."""
    scale: Literal["glorot", "he"] | PositiveFloat = "glorot"
    """Standard deviation, as of weights."""
    mean: Annotated[float, Field(gt=-1e38, lt=1e38)] = 0.0
    """What is added to each number that is drawn."""
    redraw: Annotated[Literal["frame"] | None, NoneWord] = None
    """"frame": C is drawn anew for each frame (mini-batch); "none": once."""
    copies: PositiveInt = 1
    """So many C, each with a learning channel of its own; the mean of their errors is the error."""
    rank: Annotated[PositiveInt | None, NoneWord] = None
    """C = P Q with so many columns of P: that many values travel in place of the sender's units; "none": C itself."""
    per: Literal["neuron", "synapse"] = "neuron"
    """What the errors are of: each receiving "neuron", so that all of its synapses learn from one; or each "synapse",
    with feedback weights of its own (small networks)."""
    connections: Annotated[PositiveInt | None, NoneWord] = None
    """Wires per receiving unit, on average; "none": all."""
    bits: Annotated[Annotated[int, Field(ge=1, le=16)] | None, NoneWord] = None
    """C itself has so few bits; "none": float32."""
    congruent: bool = False
    """C has at the start the signs of the weights that it stands for."""
    C: Annotated[dict[str, Matrix], BeforeValidator(_by_layer)] = Field(default_factory=dict)
    """Initial C by the number of the layer that it leads to: a row for each unit that sends, in it a number for each
    unit that receives. Layers that are not named have drawn ones."""
    file: Annotated[WeightsFile | None, NoneWord] = Field(default=None, alias="from")
    """All C are read from this file, as `weights` of a model are; "none": drawn."""
    epoch: Annotated[PositiveInt | None, NoneWord] = None
    """Of a trace: after this epoch; "none": the last one that it keeps."""

    @property
    def given(self) -> bool:
        """Whether any C is given, here or in a file of its own."""
        return bool(self.C) or self.file is not None

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        problems = epoch_problems(self.file, self.epoch)
        unused = ("C", "connections", "distribution", "scale", "mean", "redraw", "copies", "rank")
        for key in unused if self.file is not None else ():
            if getattr(self, key) != type(self).model_fields[key].get_default(call_default_factory=True):
                problems.append(((key,), " is not used, as C is read from a file; accepted: no such key"))
        if problems:
            raise TableError(problems)
        if self.distribution == "orthogonal" and self.connections is not None:
            text = " is given, but an orthogonal C has all wires; accepted: no key, or another distribution"
            raise TableError([(("connections",), text)])
        if self.redraw is not None:
            self._redrawable()
        for key, usual in (("connections", None), ("redraw", None), ("congruent", False), ("mean", 0.0), ("C", {})):
            if self.rank is not None and getattr(self, key) != usual:
                text = f" is given beside {key}, but C = P Q is two random matrices; accepted: one of the keys"
                raise TableError([(("rank",), text)])
        if self.C and self.copies > 1:
            text = f" = {self.copies}: C that are given have no copies; accepted: 1, or C that are drawn"
            raise TableError([(("copies",), text)])
        return self

    def _redrawable(self) -> None:
        """Raises TableError where a C that is drawn anew for each frame cannot be what other keys say."""
        once = {
            "bits": "the levels of its largest magnitude",
            "congruent": "the signs of the initial weights",
            "C": "numbers of its own",
        }
        for key, has in once.items():
            if getattr(self, key) not in (None, False, {}):
                text = f' = "frame": with {key} C has {has}, once, at the start; accepted: "none", or no {key}'
                raise TableError([(("redraw",), text)])
        if self.distribution == "orthogonal":
            text = ' = "frame": an orthogonal C is made of all of its draws together; accepted: another distribution'
            raise TableError([(("redraw",), text)])


class Learning(Table):
    """The learning rule (Baldi, Sadowski, Lu 2018)."""

    rule: Annotated[RuleName | OwnRule, BeforeValidator(_own_rule, json_schema_input_type=RuleName | OwnRule)] = "bp"
    """bp, sbp (skipped), or random feedback: rbp (layered), srbp (skipped), arbp, asrbp (adaptive), sign, drtp; or top.
    fa is rbp and dfa srbp; frsf, brsf and usf are sign with keys of `feedback`; kp and dkp are arbp and asrbp with
    weight decay, which they need. Or a table: a rule of your own (channelsim.extend)."""
    derivative: bool = True
    """R = f'(S) * (C m); false leaves f' out."""
    route: Annotated[
        Literal["layered", "skipped", "cascade"] | tuple[str, ...] | None,
        BeforeValidator(
            lambda value: tuple(value) if isinstance(value, list) else None if value == "none" else value,
            json_schema_input_type=Literal["layered", "skipped", "cascade"] | list[RouteWord] | None,
        ),
    ] = None
    """Where errors come from: "layered" (h+1 -> h), "skipped" (L -> h), "cascade" (from every layer above), or a list
    with one word for each hidden layer from 1 upwards: one of these, "from N" or, of several, "from N, M". "none":
    what the rule says."""
    feedback: Feedback = Feedback()
    """How C is drawn."""
    learning_rate: Annotated[Rates | None, NoneWord] = None
    """The feedback learning rate, at which an adaptive C learns: a number, or a table by the layer that C leads to;
    "none", or of layers that are not named without a default: that of the layer's weights."""
    weight_decay: Annotated[Magnitude | None, NoneWord] = None
    """L2 of an adaptive C, as training.weight_decay; "none": that of the weights."""

    _called: str | None = PrivateAttr(None)

    def __init__(self, /, **data: Any):
        called = data.get("rule")
        if not isinstance(called, str) or called not in SYNONYMS:
            super().__init__(**data)
            return
        synonym = SYNONYMS[called]
        if synonym.feedback:
            data = {**data, "feedback": _with_keys(called, data.get("feedback", {}))}
        super().__init__(**{**data, "rule": synonym.rule})
        self._called = called

    @property
    def called(self) -> str | None:
        """The synonym by which the rule was named, if it was."""
        return self._called

    @property
    def row(self) -> Rule:
        """The rule's row of the table of rules."""
        return self.rule.row if isinstance(self.rule, OwnRule) else RULES[self.rule]

    @property
    def rule_name(self) -> str:
        """What the rule is called: as in the table of rules, or file and class."""
        return self.rule.label if isinstance(self.rule, OwnRule) else self.rule

    @property
    def has_derivative(self) -> bool:
        """Whether errors are multiplied by f'."""
        own = self.rule.declared if isinstance(self.rule, OwnRule) else None
        return self.derivative and (own is None or own.derivative)

    @model_validator(mode="after")
    def _fits_rule(self) -> Self:
        rule, feedback = self.row, self.feedback
        if feedback.redraw is not None and rule.adaptive:
            text = f' = "frame": {self.rule_name} learns its C, of which nothing would be left; accepted: "none", or'
            raise TableError([(("feedback", "redraw"), f"{text} a rule whose C does not learn")])
        if feedback.copies > 1 and not rule.has_feedback:
            why = "has no learning channels" if rule.route is None else "sends errors back through W, which is one"
            others = ", ".join(name for name, other in RULES.items() if other.has_feedback)
            text = (
                f" = {feedback.copies}: {self.rule_name} {why}: copies of it would all be the same; accepted: 1, or a"
            )
            raise TableError([(("feedback", "copies"), f"{text} rule whose C are drawn ({others})")])
        if feedback.rank is not None and rule.wiring != Wiring.DENSE:
            others = ", ".join(name for name, other in RULES.items() if other.wiring == Wiring.DENSE)
            text = f" = {feedback.rank}: the C of {self.rule_name} is not drawn as a product; accepted: "
            raise TableError([(("feedback", "rank"), f'{text}"none", or a rule whose C is a matrix ({others})')])
        return self

    def sources(self, depth: int) -> list[tuple[int, ...]]:
        """For each hidden layer 1..depth-1 the layers that its errors come from; [] where none comes (top).

        Raises InputError if the route does not fit a network of `depth` layers or the rule.
        """
        rule = self.row
        if rule.route is None:
            return []
        words = self.route or rule.route
        hidden = depth - 1
        words = (words,) * hidden if isinstance(words, str) else words
        if len(words) != hidden:
            raise _bad_route(f"names {len(words)} layers; accepted: {hidden}, one entry for each hidden layer")
        sources = [_sources(word, h, depth) for h, word in enumerate(words, start=1)]
        if rule.adjacent and any(above != (h,) for h, above in enumerate(sources, start=2)):
            text = f"skips layers, but {self.rule_name} sends errors back through the weights of the layer above"
            raise _bad_route(f'{text}; accepted: "layered", or another rule')
        if rule.message == Message.TARGET and any(above != (depth,) for above in sources):
            raise _bad_route(f'is not from the top, but {self.rule_name} sends the target; accepted: "skipped"')
        return sources


def _with_keys(called: str, feedback: Any) -> Any:
    """A table [learning.feedback] with the keys that a synonym sets."""
    keys = SYNONYMS[called].feedback
    if isinstance(feedback, Feedback):
        feedback = feedback.model_dump(exclude_unset=True)
    if not isinstance(feedback, dict):
        return feedback
    for key, value in keys.items():
        if feedback.get(key, value) != value:
            text = f' = {shown(feedback[key])}: {called} is {SYNONYMS[called].rule} with {key} = "{value}"'
            raise TableError([(("feedback", key), f"{text}; accepted: no key, or another rule")])
    return {**feedback, **keys}


def _bad_route(text: str) -> TableError:
    return TableError([(("learning", "route"), f" {text}")])


def _sources(word: str, layer: int, depth: int) -> tuple[int, ...]:
    """The layers that `word` of a route names as the sources of the errors at hidden layer `layer`, from below."""
    if word == Route.LAYERED:
        return (layer + 1,)
    if word == Route.SKIPPED:
        return (depth,)
    if word == Route.CASCADE:
        return tuple(range(layer + 1, depth + 1))
    if re.fullmatch(r"from \d+(, \d+)*", word):
        found = [int(number) for number in re.findall(r"\d+", word)]
        if all(layer < source <= depth for source in found) and len(set(found)) == len(found):
            return tuple(sorted(found))
    allowed = (
        f'"layered", "skipped", "cascade", "from N" or "from N, M" with different N, M from {layer + 1} to {depth}'
    )
    raise TableError([(("learning", "route", layer - 1), f" = {word!r}; accepted: {allowed}")])
