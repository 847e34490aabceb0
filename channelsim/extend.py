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
function is: it can be called and tested as any other.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Place = Literal["before threshold", "after quantize", "before delivery"]
PLACES: tuple[Place, ...] = ("before threshold", "after quantize", "before delivery")
MARK = "__channelsim_part__"
"""The attribute under which a function carries what it is."""

Function = TypeVar("Function", bound=Callable[..., Any])


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
            float64 (state, units), 0 before the first message, changed in place. Checkpoints have it; in evaluations it
            is 0 before every message.

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
