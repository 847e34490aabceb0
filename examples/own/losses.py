"""A loss of one's own: Huber's."""

import channelsim.extend as cx


@cx.loss(error=lambda o, t, p: min(max(t - o, -p.delta), p.delta))
def huber(o, t, p):  # Huber 1964: squared where they are near, and straight further out
    apart = abs(t - o)
    return 0.5 * apart**2 if apart < p.delta else p.delta * (apart - 0.5 * p.delta)
