"""Parts of your own: functions in a Python file that a scenario names, for run, verify, sweep and resume alike.

    # mine.py
    import channelsim.extend as cx

    @cx.stage(place="after quantize", draws=1)
    def saturate(v, u, p):
        return p.gain * v / (1 + abs(v) / p.limit)

    # scenario.toml
    [channels.learning]
    stage = { use = "mine.py:saturate", gain = 0.8, limit = 1.0 }

    @cx.transfer(derivative=lambda o, p: 1.0 if o > 0 else p.slope, of="O")
    def leaky_relu(s, p):
        return s if s > 0 else p.slope * s

    # in the model
    transfer = { use = "mine.py:leaky_relu", slope = 0.01 }

    @cx.loss(error=lambda o, t, p: min(max(t - o, -p.delta), p.delta))
    def huber(o, t, p):
        apart = abs(t - o)
        return 0.5 * apart**2 if apart < p.delta else p.delta * (apart - 0.5 * p.delta)

    # in [training]
    loss = { use = "mine.py:huber", delta = 1.0 }

Numba compiles the function for the engine, and the reference calls it as it stands. Both compute with float64 numbers,
so that both have the same bits; what the function returns is rounded to float32 once. A decorator only notes what the
function is: it can be called and tested as any other. `rule` is the decorator of a class, which holds functions.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, overload

Place = Literal["before threshold", "after quantize", "before delivery"]
PLACES: tuple[Place, ...] = ("before threshold", "after quantize", "before delivery")
MARK = "__channelsim_part__"
"""The attribute under which a function carries what it is."""

Function = TypeVar("Function", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)

Route = Literal["layered", "skipped", "cascade"]
Wiring = Literal["random", "transpose", "signs", "none"]
Message = Literal["error", "target"]
Step = Literal["step_w", "step_c"]
STEPS: tuple[Step, ...] = ("step_w", "step_c")


@dataclass(frozen=True)
class Stage:
    """What `stage` notes; its arguments."""

    place: Place
    over: Literal["value", "message"] = "value"
    draws: int = 0
    normal: bool = False
    state: int = 0

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the function takes before `p`, by usual names."""
        first = ("v",) if self.over == "value" else ("values",)
        return first + ("u",) * bool(self.draws) + ("state",) * bool(self.state)


@dataclass(frozen=True)
class Rule:
    """What `rule` notes: its arguments, and the steps that the class has, by name."""

    route: Route
    wiring: Wiring
    message: Message
    derivative: bool
    adaptive: bool
    top: bool
    draws: int
    normal: bool
    steps: dict[Step, Callable[..., Any]]

    def arguments(self, step: Step) -> tuple[str, ...]:
        """What a step takes before `p`, by usual names."""
        first = ("pre", "post", "error", "w") if step == "step_w" else ("message", "post", "error", "c")
        return first + ("u",) * bool(self.draws)


def stage(
    place: Place,
    *,
    over: Literal["value", "message"] = "value",
    draws: int = 0,
    normal: bool = False,
    state: int = 0,
) -> Callable[[Function], Function]:
    """A stage of a channel (docs/design.md, section 3).

    Arguments:
        place: "before threshold": at the sender, on the values to send, with its residual; "after quantize": on what
            the receiver reads, before noise; "before delivery": on what has arrived, after drops and lateness.
        over: "value": the function takes one value that is not 0, and returns what takes its place; "message": it
            takes the whole message, float64 (units,) with 0 where there is no event, and changes it in place. On the
            way (the last two places) no event can come into being: what is put where there is none is ignored.
        draws: how many random numbers each value has, drawn from the counter hash: `u`, a number, or an array of
            several. With `over = "message"`: float64 (units,), or (draws, units) of several.
        normal: the draws are standard normal, not uniform on [0, 1).
        state: how many numbers each unit keeps from one message to the next, with `over = "message"`: `state`,
            float64 (state, units), 0 before the first message, changed in place. Checkpoints have it; test samples
            find it 0 before every message as trained, and carry it from one to the next as deployed.

    The function takes the value or message, then `u` if there are draws, `state` if there is one, and `p`: the other
    keys of the scenario's table as attributes, which are numbers. `p` may be left out.

    Raises ValueError for arguments that are not accepted.
    """
    if place not in PLACES:
        raise ValueError(f"stage: place = {place!r}; accepted: {', '.join(map(repr, PLACES))}")
    if over not in ("value", "message"):
        raise ValueError(f"stage: over = {over!r}; accepted: 'value', 'message'")
    if not 0 <= draws <= 16 or not 0 <= state <= 16:
        raise ValueError(f"stage: draws = {draws}, state = {state}; accepted: whole numbers from 0 to 16")
    if state and over == "value":
        raise ValueError(f"stage: state = {state} with over = 'value'; accepted: over = 'message'")
    return _marked(Stage(place, over, draws, normal, state))


@dataclass(frozen=True)
class Transfer:
    """What `transfer` notes; its arguments."""

    derivative: Callable[..., float]
    of: Literal["S", "O"]


def transfer(*, derivative: Callable[..., float], of: Literal["S", "O"]) -> Callable[[Function], Function]:
    """A transfer function f of a layer (docs/design.md, section 1).

    Arguments:
        derivative: f', a Python function (or lambda) of one number and perhaps `p`.
        of: "O": f' is given O = f(S), which the layer keeps anyway; "S": it is given S, which the engine then keeps
            beside O, in float32, for every frame in flight.

    The function takes one number, S of one neuron and sample, and `p`: the other keys of the scenario's table as
    attributes, which are numbers. `p` may be left out of either function. It returns O, a number. A neuron whose O is
    exactly 0 is silent: it sends no event.

    Raises ValueError for arguments that are not accepted.
    """
    if not isinstance(derivative, types.FunctionType):
        raise ValueError(
            f"transfer: derivative = {derivative!r}; accepted: a Python function of one number, or a lambda"
        )
    if of not in ("S", "O"):
        raise ValueError(f"transfer: of = {of!r}; accepted: 'S', 'O'")
    return _marked(Transfer(derivative, of))


@dataclass(frozen=True)
class Samples:
    """What `dataset` notes: nothing but that the function makes one."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the function takes before `p`."""
        return ()


def dataset(function: Function) -> Function:
    """A data set: `[data] dataset = { use = "mine.py:blobs", n = 1000 }`.

    The function takes `p`, the other keys of the table as attributes, or nothing. It returns (train, test) or
    (train, test, validation), a pair of arrays (x, y) each, or only train; or a mapping with train_x, train_y and what
    there is of test_x, test_y, validation_x and validation_y, such as `numpy.load` returns of an .npz. x and y are as
    in an .npz file (`channelsim.data.load_dataset`): x (samples, inputs) or (samples, channels, height, width), y class
    numbers (samples,), one-hot rows, or real targets (samples, outputs).

    It is called wherever the set is needed, also by the workers of a sweep, and has to return the same arrays each
    time: a trace has their digests.
    """
    return _marked(Samples())(function)


Set = Literal["train", "validation", "test"]
SETS: tuple[Set, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Metric:
    """What `metric` notes; its argument."""

    sets: tuple[Set, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the function takes before `p`, by usual names."""
        return ("outputs", "targets")


@overload
def metric(function: Function, /) -> Function: ...
@overload
def metric(*, sets: Sequence[Set]) -> Callable[[Function], Function]: ...
def metric(function: Any = None, /, *, sets: Sequence[Set] = ("validation", "test")) -> Any:
    """A metric: `[metrics] f1 = { use = "mine.py:f1", beta = 2 }`. With or without arguments: `@cx.metric`.

    Arguments:
        sets: the samples that it is computed on after each epoch, where there are any: "test", "validation", "train"
            (all training samples, with the weights at the epoch's end).

    The function takes `outputs`, float32 (samples, n_L), what the top layer puts out as trained (the forward channels
    do what they do in training); `targets`, int32 (samples,), or float32 (samples, n_L) where they are real; and `p`,
    the other keys of the table as attributes, if there are any. It returns a number, which may be NaN.

    Raises ValueError for sets that are not accepted.
    """
    if not sets or isinstance(sets, str) or not set(sets) <= set(SETS):
        raise ValueError(f"metric: sets = {sets!r}; accepted: a list of {', '.join(map(repr, SETS))}")
    mark = _marked(Metric(tuple(one for one in SETS if one in sets)))
    return mark if function is None else mark(function)


@dataclass(frozen=True)
class Loss:
    """What `loss` notes; its arguments."""

    error: Callable[..., Any]
    over: Literal["value", "sample"] = "value"
    of: Literal["S", "O"] = "O"


def loss(
    *, error: Callable[..., Any], over: Literal["value", "sample"] = "value", of: Literal["S", "O"] = "O"
) -> Callable[[Function], Function]:
    """A loss, and the error e that the top layer makes of it (docs/design.md, section 1).

    Arguments:
        error: e, in place of T - O: what the top layer learns from and sends down. Usually the negative gradient of the
            loss with respect to S, or to O. A Python function (or lambda) that takes what the loss takes.
        over: "value": both take one output and its target, numbers, and return a number; the loss of a sample is the
            sum over its outputs. "sample": both take all outputs and targets of a sample, float64 (n,); the loss
            returns a number, `error` an array (n,).
        of: "O": the outputs are O of the top layer; "S": they are its S, whatever its transfer function.

    The function takes the outputs, the targets (of classes 1 at the class, else 0), and `p`: the other keys of the
    scenario's table as attributes, which are numbers. `p` may be left out of either function. It returns the loss.

    Raises ValueError for arguments that are not accepted.
    """
    if not isinstance(error, types.FunctionType):
        raise ValueError(f"loss: error = {error!r}; accepted: a Python function of outputs and targets, or a lambda")
    if over not in ("value", "sample"):
        raise ValueError(f"loss: over = {over!r}; accepted: 'value', 'sample'")
    if of not in ("S", "O"):
        raise ValueError(f"loss: of = {of!r}; accepted: 'S', 'O'")
    return _marked(Loss(error, over, of))


def _marked(note: object) -> Callable[[Function], Function]:
    def mark(function: Function) -> Function:
        setattr(function, MARK, note)
        return function

    return mark


def rule(
    route: Route = "layered",
    wiring: Wiring = "random",
    *,
    message: Message = "error",
    derivative: bool = True,
    adaptive: bool = False,
    top: bool = True,
    draws: int = 0,
    normal: bool = False,
) -> Callable[[Class], Class]:
    """A learning rule (docs/design.md, section 2): a class with no, one or both of the functions

        def step_w(pre, post, error, w, p):        # the step of a synapse for one sample
        def step_c(message, post, error, c, p):    # the step of a feedback weight for one sample

    which take no `self`. What is not said is as of the rules that channelsim has: without `step_w` the step of W is
    `pre * error`, without `step_c` that of an adaptive C is `message * post`.

    Arguments:
        route: where the error of a hidden layer comes from: "layered" (from the layer above), "skipped" (from the top)
            or "cascade" (from every layer above). `learning.route` of a scenario says otherwise.
        wiring: what makes an error of a message: "random" weights C, the "transpose" of W, random magnitudes with the
            "signs" of W; or "none": no hidden layer learns.
        message: what is sent: the "error" R of the layer, or the "target" (skipped, with random weights).
        derivative: whether the error of a hidden layer is multiplied by f'(S).
        adaptive: whether C learns; a rule with `step_c` does.
        top: whether the top layer, too, learns by `step_w`.
        draws: how many random numbers each synapse, or wire, has for each sample: `u`, a number, or an array of
            several, before `p`.
        normal: the draws are standard normal, not uniform on [0, 1).

    A step is called with floats: of W `pre` is what arrived of the unit below, `post` O of the unit that the synapse
    leads to, `error` its R and `w` the weight before the update; a bias is a synapse whose `pre` is 1. Of C `message`
    is what arrived of the unit that sends, `post` and `error` are O and R of the unit that receives, and `c` is the
    weight. `p` has the other keys of the scenario's table, numbers, as attributes; it may be left out. The mean of a
    step over the samples of a frame, times the learning rate, is added.

    Raises ValueError for arguments that are not accepted.
    """
    for name, value, kind in (("route", route, Route), ("wiring", wiring, Wiring), ("message", message, Message)):
        if value not in get_args(kind):
            raise ValueError(f"rule: {name} = {value!r}; accepted: {', '.join(map(repr, get_args(kind)))}")
    if not 0 <= draws <= 16:
        raise ValueError(f"rule: draws = {draws}; accepted: whole numbers from 0 to 16")
    if message == "target" and (wiring != "random" or route != "skipped"):
        raise ValueError(f"rule: message = 'target', {route}, {wiring}; accepted: route = 'skipped', wiring = 'random'")
    if wiring == "signs" and route != "layered":
        raise ValueError(f"rule: wiring = 'signs', which is of the W of the layer above, with route = {route!r};"
                         " accepted: route = 'layered'")  # fmt: skip

    def mark(kind: Class) -> Class:
        steps: dict[Step, Callable[..., Any]] = {}
        for name, value in vars(kind).items():
            value = value.__func__ if isinstance(value, staticmethod) else value
            if callable(value) and not name.startswith("_"):
                if name not in STEPS:
                    raise ValueError(f"rule: {kind.__name__} has {name}; accepted: {', '.join(STEPS)}")
                steps[name] = value
        learns = adaptive or "step_c" in steps
        if learns and wiring != "random":
            raise ValueError(f"rule: {kind.__name__} has a C that learns with wiring = {wiring!r}; accepted: 'random'")
        setattr(kind, MARK, Rule(route, wiring, message, derivative, learns, top, draws, normal, steps))
        return kind

    return mark
