"""Phase portraits: the plane of a1 and a2 for systems with two weights, with what decides where a start goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from channelsim.errors import InputError
from channelsim.plots import FORMATS, Picture, save
from channelsim.theory import hidden, matrix, monomial
from channelsim.theory.nonlinear import adapts, gain, transfer
from channelsim.theory.outcome import Outcome
from channelsim.theory.systems import Array, Branch, Chain, Hidden, Matrix

_GRID = 96  # basins, in points along each axis
_STREAMS = 26  # flow, likewise
_STEPS = 350  # along each path to a basin
_SHADES = ("#ffffff", "#d9d9d9", "#efefef", "#bdbdbd", "#e0e0e0")
_HATCHES = (None, "..", "//", "\\\\\\\\", "xx")


@dataclass(frozen=True)
class _Plane:
    """A system as a flow in the plane.

    velocity: (a1, a2), arrays of one shape, to their derivatives; optimum: P = alpha/beta as a function from a1 to a2
    where that curve consists of fixed points, else None; fades: (a1, a2) to the rate at which the distance from it
    fades; stops_at_zero: whether a1 = 0 can be a limit too.
    """

    start: Array
    velocity: Callable[[Array, Array], tuple[Array, Array]]
    optimum: Callable[[Array], Array] | None
    fades: Callable[[Array, Array], Array] | None
    outcome: Outcome
    title: str
    stops_at_zero: bool = False


def portrait(system: Chain | Branch | Matrix | Hidden, file: str | os.PathLike[str] | None = None) -> Figure:
    """Draw the plane of a1 and a2: flow, optima (their unstable part dashed), basins, this start's path and its limit.

    Arguments:
        system: one with two weights: a chain of two layers under any rule (under arbp and asrbp the plane is the leaf
            c - rho a2 = const), or a non-linear hidden unit.
        file: where to write the picture: .png, .svg or .pdf.

    Returns a matplotlib Figure that no window shows. Raises InputError for another system or another kind of file.
    """
    target = None if file is None else Path(file)
    if target is not None and target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: cannot draw a {target.suffix or 'nameless'} file; use {', '.join(FORMATS)}")
    plane = _plane(system)
    path = _path(plane)
    window = _window(plane, path)
    figure = Picture(figsize=(6.4, 6.6), layout="constrained")
    axes: Axes = figure.add_subplot()
    _draw_basins(axes, plane, window)
    _draw_flow(axes, plane, window)
    _draw_optima(axes, plane, window)
    _draw_path(axes, plane, path)
    axes.set(xlim=window[0], ylim=window[1], xlabel="$a_1$", ylabel="$a_2$")
    axes.set_title(f"{plane.title}\n{_said(plane.outcome)}", fontsize=10)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    if target is not None:
        save(figure, target)
    return figure


def _said(outcome: Outcome) -> str:
    if outcome.limit is None:
        return f"{outcome.outcome}: {outcome.asymptote or f'period {outcome.period:.4g}'}"
    a1, a2 = _point(outcome.limit)
    return f"{outcome.outcome}: ({a1:.4g}, {a2:.4g})"


def _point(limit: Any) -> tuple[float, float]:
    a = np.ravel(limit["a"])
    return float(a[0]), float(a[1] if a.size > 1 else np.ravel(limit["b"])[0])


def _plane(system: Chain | Branch | Matrix | Hidden) -> _Plane:
    if isinstance(system, Chain):
        if len(system.a) != 2:
            raise InputError(f"portrait: draws two weights, and a chain of {len(system.a)} layers has {len(system.a)}")
        return _linear(system)
    if isinstance(system, Hidden):
        return _nonlinear(system)
    count = system.a.size + system.b.size
    raise InputError(
        f"portrait: draws two weights, and this {type(system).__name__.lower()} has {count}; "
        "use a chain of 2 layers or a hidden system"
    )


def _linear(system: Chain) -> _Plane:
    alpha, beta, rho = system.alpha, system.beta, system.rho
    c, top = float(system.c[0]) if len(system.c) else 0.0, float(system.a[1])
    adapts = system.rule in ("arbp", "asrbp")

    def gain(a2: Array) -> Array:
        if system.rule == "bp":
            return a2
        return c + rho * (a2 - top) if adapts else np.full_like(a2, c)

    def velocity(a1: Array, a2: Array) -> tuple[Array, Array]:
        e = alpha - beta * a1 * a2
        return gain(a2) * e, a1 * e

    one = Matrix(
        system.rule,
        np.array([[system.a[0]]]),
        np.array([[top]]),
        np.array([[c]]),
        np.array([[beta]]),
        np.array([[alpha]]),
        rho,
    )
    with_c = "" if system.rule == "bp" else f", c = {c:.4g}" + (f", rho = {rho:.4g}" if adapts else "")
    title = f"chain of 2 layers, {system.rule}{with_c}, alpha = {alpha:.4g}, beta = {beta:.4g}"
    return _Plane(
        system.a.astype(float),
        velocity,
        lambda a1: alpha / beta / a1,
        lambda a1, a2: beta * (gain(a2) * a2 + a1**2),
        matrix.outcome(one, 1e-6),
        title,
    )


def _nonlinear(system: Hidden) -> _Plane:
    f = transfer(system)

    def velocity(a1: Array, a2: Array) -> tuple[Array, Array]:
        s = a1[..., None] * system.inputs
        value = f.value(s)
        error = system.weights * (system.targets - a2[..., None] * value)
        through = error * f.slope(s) if system.derivative else error
        return gain(system, a2) * (through @ system.inputs), np.sum(error * value, axis=-1)

    optimum = fades = None
    if system.transfer in ("power", "relu"):
        mu = monomial.exponent(system)
        sides = {sign: monomial.side(system, sign) for sign in (1, -1)}
        if system.derivative or all(side.one_error for side in sides.values()):
            levels = {sign: side.alpha / side.beta if side.beta else np.nan for sign, side in sides.items()}

            def optimum(a1: Array) -> Array:
                return np.where(a1 > 0, levels[1], levels[-1]) / np.abs(a1) ** mu

            def fades(a1: Array, a2: Array) -> Array:
                step = 1e-5
                ahead, behind = velocity(a1 + step, a2), velocity(a1 - step, a2)
                above, below = velocity(a1, a2 + step), velocity(a1, a2 - step)
                return -(ahead[0] - behind[0] + above[1] - below[1]) / (2 * step)

    unit = f"S^{system.power:g}" if system.transfer == "power" else system.transfer
    with_c = "" if system.rule == "bp" else f", c = {system.c:.4g}"
    with_c += f", rho = {system.rho:.4g}" if adapts(system) else ""
    title = f"hidden unit {unit}, {system.rule}{with_c}, {'with' if system.derivative else 'without'} f'"
    stops = system.derivative and (system.transfer == "relu" or system.power > 1)
    return _Plane(system.a.astype(float), velocity, optimum, fades, hidden.outcome(system, 1e-6), title, stops)


def _path(plane: _Plane) -> Array:
    """(2, n): this start's path, to its limit or to where it has left every picture."""

    def field(_: float, x: Array) -> Array:
        first, second = plane.velocity(np.array(x[0]), np.array(x[1]))
        return np.array([float(first), float(second)])

    def far(_: float, x: Array) -> float:
        return float(np.max(np.abs(x)) - 2 * (2 + np.max(np.abs(plane.start))))

    far.terminal = True  # type: ignore[attr-defined]
    end = plane.outcome.time if plane.outcome.time else 200.0
    found = solve_ivp(field, (0, 1.2 * end), plane.start, "LSODA", rtol=1e-7, atol=1e-9, events=far)
    return found.y


def _window(plane: _Plane, path: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    shown = [path.T, np.zeros((1, 2))]
    shown += [
        np.array([_point(p.parameters)])
        for p in plane.outcome.fixed_points
        if np.all(np.abs(_point(p.parameters)) < 20)
    ]
    points = np.concatenate(shown)
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum(0.65 * (high - low), 1.5)
    middle = (low + high) / 2
    return (middle[0] - half[0], middle[0] + half[0]), (middle[1] - half[1], middle[1] + half[1])


def _mesh(window: tuple[tuple[float, float], tuple[float, float]], count: int) -> tuple[Array, Array]:
    return np.meshgrid(np.linspace(*window[0], count), np.linspace(*window[1], count))


def _draw_flow(axes: Axes, plane: _Plane, window: tuple[tuple[float, float], tuple[float, float]]) -> None:
    a1, a2 = _mesh(window, _STREAMS)
    first, second = plane.velocity(a1, a2)
    axes.streamplot(a1, a2, first, second, density=0.9, color="#8c8c8c", linewidth=0.6, arrowsize=0.8)


def _draw_basins(axes: Axes, plane: _Plane, window: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Shades the starts by where they go: each start of a grid is followed along its path, in equal steps of length."""
    a1, a2 = _mesh(window, _GRID)
    x, y = a1.copy(), a2.copy()
    wide, high = (end - start for start, end in window)

    def direction(x: Array, y: Array) -> tuple[Array, Array]:
        first, second = plane.velocity(x, y)
        length = np.hypot(first / wide, second / high)
        length = np.where(length > 0, length, 1.0)
        return first / length, second / length

    for n in range(_STEPS):
        step = 0.02 * (1 - n / _STEPS)
        first, second = direction(x, y)
        first, second = direction(x + step / 2 * first, y + step / 2 * second)
        inside = (np.abs(x) < 3 * wide) & (np.abs(y) < 3 * high)
        x, y = x + step * first * inside, y + step * second * inside
    labels, names = _labels(plane, x, y, wide, high)
    used = [k for k in range(len(names)) if np.mean(labels == k) > 5e-3]
    if len(used) < 2:
        return
    for shade, k in enumerate(used):
        region = (labels == k).astype(float)
        axes.contourf(a1, a2, region, levels=[0.5, 1.5], colors=[_SHADES[shade]], hatches=[_HATCHES[shade]], zorder=0)
        axes.fill_between([], [], color=_SHADES[shade], hatch=_HATCHES[shade], edgecolor="#7f7f7f", label=names[k])
        axes.contour(a1, a2, region, levels=[0.5], colors="#4d4d4d", linewidths=0.8, zorder=1)


def _labels(plane: _Plane, x: Array, y: Array, wide: float, high: float) -> tuple[Array, list[str]]:
    """A basin's number for each end (x, y) of a path, and the basins' names."""
    if plane.optimum is not None:
        labels = np.where(x > 0, 0, 1)
        if plane.stops_at_zero:
            labels = np.where(np.abs(x) < 0.02 * wide, 2, labels)
        return labels, ["goes to $a_1 > 0$", "goes to $a_1 < 0$", "goes to $a_1 = 0$"]
    stable = [_point(p.parameters) for p in plane.outcome.fixed_points if p.stable]
    names = [f"goes to ({p[0]:.3g}, {p[1]:.3g})" for p in stable]
    names += [r"$a_1 \to \infty$", r"$a_1 \to -\infty$", r"$|a_2| \to \infty$"]
    labels = np.where(
        np.abs(y / high) > np.abs(x / wide), len(stable) + 2, np.where(x > 0, len(stable), len(stable) + 1)
    )
    for k, (p, q) in enumerate(stable):
        labels = np.where(np.hypot((x - p) / wide, (y - q) / high) < 0.1, k, labels)
    return labels, names


def _draw_optima(axes: Axes, plane: _Plane, window: tuple[tuple[float, float], tuple[float, float]]) -> None:
    if plane.optimum is None or plane.fades is None:
        for p in plane.outcome.fixed_points:
            a1, a2 = _point(p.parameters)
            name, fill = ("stable", "black") if p.stable else ("unstable", "white")
            axes.plot(
                a1,
                a2,
                "o",
                markersize=7,
                zorder=5,
                label=f"{name} point",
                markerfacecolor=fill,
                markeredgecolor="black",
            )
        return
    labelled: set[bool] = set()
    for low, high in ((max(window[0][0], 1e-6), window[0][1]), (window[0][0], min(window[0][1], -1e-6))):
        if low >= high:
            continue
        first = np.linspace(low, high, 4000)
        second = plane.optimum(first)
        stable = plane.fades(first, second) > 0
        for part in (True, False):
            shown = np.where((stable == part) & np.isfinite(second), second, np.nan)
            if np.all(np.isnan(shown)):
                continue
            label = None if part in labelled else f"$P = \\alpha/\\beta$, {'stable' if part else 'unstable'}"
            labelled.add(part)
            axes.plot(first, shown, "k-" if part else "k:", linewidth=2.4, zorder=3, label=label)


def _draw_path(axes: Axes, plane: _Plane, path: Array) -> None:
    axes.plot(*path, color="white", linewidth=4.0, zorder=4)
    axes.plot(*path, color="#0072B2", linewidth=2.0, linestyle=(0, (5, 1)), zorder=4, label="this start's path")
    axes.plot(*plane.start, "s", color="#0072B2", markeredgecolor="black", markersize=8, zorder=6, label="start")
    if plane.outcome.limit is not None:
        limit = _point(plane.outcome.limit)
        axes.plot(*limit, "*", color="#D55E00", markeredgecolor="black", markersize=15, zorder=6, label="its limit")
