"""Learning rules of one's own: Kolen-Pollack, a three-factor rule of spiking neurons, pulses of a cross-point array."""

import channelsim.extend as cx


@cx.rule(route="layered", wiring="random")
class kolen_pollack:  # Kolen & Pollack 1994; Akrout et al. 2019: W and C learn and decay alike, and become equal
    def step_w(pre, post, error, w, p):
        return pre * error - p.decay * w

    def step_c(message, post, error, c, p):
        return message * post - p.decay * c


@cx.rule(route="skipped", wiring="random", derivative=False)
class event_driven:  # eRBP, Neftci et al. 2017: an event, a window of the unit that receives it, and its error
    def step_w(pre, post, error, w, p):
        return pre * error if abs(post) < p.window else 0.0


@cx.rule(route="layered", wiring="transpose", draws=1)
class pulses:  # Gokmen & Vlasov 2016: W changes by one device's step where random pulses of both ends coincide
    def step_w(pre, post, error, w, u, p):
        return (p.step if pre * error > 0 else -p.step) if u * p.step < abs(pre * error) else 0.0
