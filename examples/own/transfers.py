"""Transfer functions of one's own: leaky ReLU, GELU, softplus."""

import math

import channelsim.extend as cx


@cx.transfer(derivative=lambda o, p: 1.0 if o > 0 else p.slope, of="O")
def leaky_relu(s, p):  # Maas, Hannun & Ng 2013
    return s if s > 0 else p.slope * s


def gelu_slope(s):
    return 0.5 * (1 + math.erf(s / math.sqrt(2))) + s * math.exp(-s * s / 2) / math.sqrt(2 * math.pi)


@cx.transfer(derivative=gelu_slope, of="S")
def gelu(s):  # Hendrycks & Gimpel 2016; exact, with erf
    return 0.5 * s * (1 + math.erf(s / math.sqrt(2)))


@cx.transfer(derivative=lambda o: 1 - math.exp(-o), of="O")
def softplus(s):  # Dugas et al. 2001; in a form that does not overflow
    return max(s, 0.0) + math.log1p(math.exp(-abs(s)))
