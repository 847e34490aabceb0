"""The page of one run."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from channelsim.errors import InputError
from channelsim.reports import _charts, _words
from channelsim.reports._loads import bottleneck, loads
from channelsim.reports._page import page
from channelsim.reports._svg import inline
from channelsim.scenario import Scenario
from channelsim.trace import Trace
from channelsim.version import version


@dataclass(frozen=True)
class Picture:
    """A figure on a page: its markup and what stands below it."""

    svg: Markup
    caption: str


def run_page(trace: Trace) -> str:
    """The HTML of a trace's page. Raises InputError where the trace is damaged."""
    scenario = Scenario(**trace.resolved)
    busy = loads(trace, scenario)
    shown_timeline, timeline_words = _timeline(trace)
    return page(
        "run.html",
        title=trace.name,
        status=trace.status,
        answer=_words.answer(trace),
        warnings=_words.warnings(trace),
        tiles=_words.tiles(trace),
        has_epoch=bool(len(trace.metrics("train"))),
        simulated=_words.simulated(scenario),
        curves=_pictures(
            ("accuracy", _charts.learning(trace, "accuracy"), "Accuracy by epoch."),
            ("r2", _charts.learning(trace, "r2"), "R² by epoch: 1 is perfect, 0 no better than the mean."),
            ("loss", _charts.learning(trace, "loss"), "Loss by epoch."),
        ),
        epochs=_words.epoch_table(trace),
        spent=_pictures(
            ("bits", _charts.bits(trace), "Bits by channel."),
            ("energy", _charts.energy(trace), "Energy by channel and cause."),
        ),
        channels=_words.channel_table(trace),
        bottleneck=bottleneck(busy),
        busy=_pictures(("busy", _charts.busy(busy), "How much of the time the work of each link and layer takes.")),
        staleness=_words.staleness(trace),
        ages=_pictures(("ages", _charts.staleness(trace), "Updates by the age of their error, for each layer.")),
        alignment=_words.alignment(trace),
        aligned=_pictures(
            ("aligned", _charts.alignment(trace), "Cosine of the errors that arrive and the true gradient.")
        ),
        timeline=shown_timeline,
        timeline_words=timeline_words,
        provenance=_words.provenance(trace),
        toml=trace.scenario_text,
        version=version(),
    )


def _pictures(*figures: tuple[str, Figure | None, str]) -> list[Picture]:
    return [Picture(inline(one, name, caption), caption) for name, one, caption in figures if one is not None]


def _timeline(trace: Trace) -> tuple[list[Picture], str]:
    """The picture of some frames; or why there is none."""
    try:
        figure = _charts.timeline(trace)
    except InputError as reason:
        return [], str(reason).partition(": ")[2]
    caption = "The first frames: bars are computing and sending, arrows lead from sending to acting."
    return _pictures(("timeline", figure, caption)), ""
