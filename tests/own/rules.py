"""A user's file: learning rules of every kind. The tests name this file in their scenarios."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import channelsim.extend as cx


@cx.rule(route="layered", wiring="random")
class kolen_pollack:
    def step_w(pre: Any, post: Any, error: Any, w: Any, p: Any) -> Any:
        return pre * error - p.decay * w

    def step_c(message: Any, post: Any, error: Any, c: Any, p: Any) -> Any:
        return message * post - p.decay * c


@cx.rule(route="skipped", top=False, derivative=False)
class oja:
    def step_w(pre: Any, post: Any, error: Any, w: Any) -> Any:
        return 0.1 * post * (pre - post * w) + pre * error


@cx.rule(route="skipped", draws=2, normal=True)
class jittered:
    @staticmethod
    def step_w(pre: Any, post: Any, error: Any, w: Any, u: Any, p: Any) -> Any:
        return pre * error * (1 + p.sigma * u[0]) + p.sigma * u[1] * math.tanh(w)

    @staticmethod
    def step_c(message: Any, post: Any, error: Any, c: Any, u: Any) -> Any:
        return (message * post + error) * (1 + 0.1 * u[1]) - 0.01 * c * u[0]


@cx.rule(route="layered", wiring="transpose", draws=1)
class pulses:
    def step_w(pre: Any, post: Any, error: Any, w: Any, u: Any, p: Any) -> Any:
        return np.sign(pre * error) * p.step if u * p.step < abs(pre * error) else 0.0


@cx.rule(route="skipped", message="target")
class to_the_target:
    pass


@cx.rule(route="layered", wiring="signs", derivative=False)
class only_words:
    pass


@cx.rule(wiring="none")
class only_the_top:
    pass


@cx.rule(route="skipped")
class raises:
    def step_w(pre: Any, post: Any, error: Any, w: Any, p: Any) -> Any:
        if pre < p.below:
            raise ValueError("too small")
        return pre * error


@cx.rule(route="skipped")
class not_a_number:
    def step_c(message: Any, post: Any, error: Any, c: Any, p: Any) -> Any:
        return math.nan if post < p.below else message * post
