"""Stages of one's own: top-k errors, clipping at a percentile, 1/f noise."""

import numpy as np

import channelsim.extend as cx


@cx.stage(place="before threshold", over="message")
def top_k(values, p):  # Aji & Heafield 2017; with error feedback: Stich, Cordonnier & Jaggi 2018
    order = np.argsort(np.abs(values))
    values[order[: len(values) - int(p.k)]] = 0.0


@cx.stage(place="before threshold", over="message")
def clip(values, p):
    limit = np.percentile(np.abs(values), p.percentile)
    values[:] = np.minimum(np.maximum(values, -limit), limit)


@cx.stage(place="after quantize", over="message", draws=8, normal=True, state=8)
def pink(values, u, state, p):  # noise whose power falls as 1/f: a slow process for each of eight octaves
    for octave in range(8):
        keep = 1 - 0.5 ** (octave + 1)
        state[octave] = keep * state[octave] + np.sqrt(1 - keep * keep) * u[octave]
    values += p.sigma * state.sum(axis=0) / np.sqrt(8.0)
