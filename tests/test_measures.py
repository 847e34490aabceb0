"""Any measure against any other, Pareto fronts and breakdowns, of traces whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.ticker import EngFormatter

import channelsim as cs
from channelsim.cli import main
from channelsim.errors import InputError
from channelsim.plots import MEASURES, front, measure_of, plot
from channelsim.plots._breakdown import bit_split, energy_split
from channelsim.plots._measures import last, series
from channelsim.sweeps import MEASURES as COLUMNS
from channelsim.trace import Trace
from tests import traces


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a queue, losses, stale errors and alignment."""
    scenario = {
        "name": "busy",
        "model": {"name": "m", "input": [64], "layers": [
            {"kind": "dense", "units": 12, "transfer": "tanh", "repeat": 2},
            {"kind": "dense", "units": 10, "transfer": "softmax"},
        ]},
        "data": {"name": "digits", "train": 100, "test": 40},
        "training": {"epochs": 3, "batch": 1, "learning_rate": 0.02},
        "learning": {"rule": "srbp"},
        "channels": {"learning": {"bandwidth": "10 Mbit/s", "queue": 1, "header": 16}},
        "schedule": {"mode": "pipelined", "interval": "30 us"},
        "trace": {"alignment": "epoch", "weights": "none"},
    }  # fmt: skip
    return Path(cs.run(cs.Scenario(**scenario), out=tmp_path_factory.mktemp("ran") / "busy.h5").trace)


def test_measures_are_those_of_the_run(ran: Path) -> None:
    with Trace(ran) as trace:
        result = trace.result
        assert result is not None
        for name in ("test_accuracy", "test_loss", "updates", "train_accuracy", "train_loss"):
            assert last(trace, name) == pytest.approx(result[name])
        channels = result["channels"].values()
        assert last(trace, "bits") == sum(one["bits"] for one in channels)
        assert last(trace, "energy_j") == pytest.approx(result["energy_j"])
        assert sum(result["energy_split"].values()) == pytest.approx(result["energy_j"])
        split = np.sum(list(energy_split(trace).values()), axis=0)
        np.testing.assert_allclose(list(result["energy_split"].values()), split)
        assert last(trace, "simulated_time_s") == pytest.approx(result["simulated_time_s"])
        assert max(series(trace, "queue_max")[1]) == max(one["queue_max"] for one in channels) > 0
        assert 0 < max(series(trace, "lost")[1]) <= 1
        headers = sum(int(trace.channels(name)["header_bits"].sum()) for name in trace.channel_names)
        assert last(trace, "bits") - last(trace, "payload_bits") == headers > 0
        ages = np.concatenate([np.repeat(np.arange(len(trace.staleness(h))), trace.staleness(h)) for h in ("1", "2")])
        assert last(trace, "staleness") == pytest.approx(ages.mean())
        assert last(trace, "staleness") == pytest.approx(result["staleness"])
        events = sum(one["events"] + one["overflow"] for one in channels)
        epochs = sum(series(trace, "lost_to_queues")[1] * _events(trace))
        assert epochs / events == pytest.approx(sum(one["overflow"] for one in channels) / events) and epochs > 0
        assert last(trace, "lost_to_queues") == pytest.approx(epochs / events)
        for name in ("lost", "queue_max", "utilisation"):
            assert last(trace, name) == pytest.approx(max(one[name] for one in channels)) and last(trace, name) > 0
        for cause, name in zip(result["energy_split"], ("bits", "macs", "reads", "writes"), strict=True):
            assert last(trace, f"energy_{name}_j") == pytest.approx(result["energy_split"][cause])
        cosines = [trace.alignment(layer)["cosine"][-1] for layer in ("1", "2")]
        assert last(trace, "alignment") == pytest.approx(np.mean(cosines))


def _events(trace: Trace) -> np.ndarray:
    rows = [trace.channels(name) for name in trace.channel_names]
    return np.sum([one["events"] + one["overflow"] for one in rows], axis=0)


def test_figures_of_a_quantized_channel(tmp_path: Path) -> None:
    """The entropy and the time to an accuracy are those that the trace's own tables give."""
    scenario = {
        "name": "quantized",
        "model": {"name": "m", "input": [64], "layers": [
            {"kind": "dense", "units": 12, "transfer": "tanh"}, {"kind": "dense", "units": 10, "transfer": "softmax"},
        ]},
        "data": {"name": "digits", "train": 600, "test": 100},
        "training": {"epochs": 3, "batch": 10, "learning_rate": 0.3},
        "channels": {"learning": {"quantize": {"kind": "log2", "bits": 4}, "bandwidth": "1 Gbit/s"}},
    }  # fmt: skip
    result = cs.run(cs.Scenario(**scenario), out=tmp_path / "q.h5")
    with Trace(result.trace) as trace:
        assert result.learning_entropy == last(trace, "learning_entropy") == trace.learning_entropy()[-1]
        assert 0 < result.learning_entropy < result.learning_bits
        seconds = 1e-12 * trace.metrics("train")["simulated_time"]
        np.testing.assert_allclose(result.time_history, seconds)
        reached = result.history[1]
        first = next(epoch for epoch, accuracy in enumerate(result.history) if accuracy >= reached)
        assert result.seconds_to(reached) == pytest.approx(seconds[first])
    assert result.seconds_to(1.1) is None
    assert result.busiest == "learning.1"
    assert cs.run(resume=result.trace, epochs=4).time_history[:3] == result.time_history


def test_layers_with_several_channels_have_staleness_and_alignment(tmp_path: Path) -> None:
    scenario = {
        "name": "cascade",
        "model": {"name": "m", "input": [64], "layers": [
            {"kind": "dense", "units": 6, "transfer": "tanh", "repeat": 3},
            {"kind": "dense", "units": 10, "transfer": "softmax"},
        ]},
        "data": {"name": "digits", "train": 60, "test": 10},
        "training": {"epochs": 1, "batch": 10},
        "learning": {"rule": "srbp", "route": "cascade"},
        "trace": {"alignment": "epoch"},
    }  # fmt: skip
    with Trace(cs.run(cs.Scenario(**scenario), out=tmp_path / "cascade.h5").trace) as trace:
        assert trace.error_layers == ["1", "2", "3"]
        assert last(trace, "staleness") == 0.0
        assert last(trace, "alignment") == np.mean([trace.alignment(h)["cosine"][-1] for h in ("1", "2", "3")])


@pytest.mark.parametrize(
    "name", [name for name in MEASURES if not name.endswith(("r2", "deployed", "_to_90", "_to_95", "entropy"))]
)
def test_every_measure_can_be_drawn(ran: Path, name: str) -> None:
    if name == "validation_accuracy":
        with pytest.raises(InputError, match=r"no trace has both epoch and validation_accuracy"):
            plot(ran, y=name)
        return
    axes = plot(ran, x="epoch", y=name).axes[0]
    low, high = axes.get_ylim()
    measure = MEASURES[name]
    assert measure.low is None or axes.get_yscale() == "log" or low >= measure.low
    assert measure.high is None or high <= measure.high
    assert measure.words in axes.get_ylabel()


def test_a_measure_by_energy_has_si_prefixes(ran: Path) -> None:
    axes = plot(ran, x="ENERGY", y="test_accuracy").axes[0]
    with Trace(ran) as trace:
        np.testing.assert_allclose(axes.lines[0].get_xdata(), trace.energy())
        np.testing.assert_allclose(axes.lines[0].get_ydata(), 100 * trace.metrics("test")["accuracy"])
    formatter = axes.xaxis.get_major_formatter()
    assert isinstance(formatter, EngFormatter) and formatter(0.000797).replace("\xa0", " ") == "797 µJ"


def test_names_of_measures() -> None:
    assert measure_of("Energy", MEASURES).name == "energy_j"
    assert measure_of("simulated-time", MEASURES).name == "simulated_time_s"
    with pytest.raises(InputError, match=r"acuracy is no measure.*accepted: epoch, "):
        measure_of("acuracy", MEASURES)


def test_columns_of_a_sweep_are_measures() -> None:
    assert set(COLUMNS) <= set(MEASURES)


def test_one_epoch_has_one_tick(tmp_path: Path) -> None:
    axes = plot(traces.make(tmp_path / "one.h5", epochs=1)).axes
    assert list(axes[2].get_xticks()) == [1]


def test_many_traces(tmp_path: Path) -> None:
    one = traces.make(tmp_path / "one.h5")
    figure = plot([one] * 40)
    assert len(figure.axes[0].lines) == 40
    assert len(figure.legends[0].get_texts()) == 24
    assert figure.legends[0].get_title().get_text() == "the first 24 of 40 curves"


def test_breakdown_adds_up(ran: Path) -> None:
    with Trace(ran) as trace:
        joules, bits = energy_split(trace), bit_split(trace)
        assert sum(map(sum, joules.values())) == pytest.approx(float(trace.energy()[-1]))
        for name in trace.channel_names:
            rows = trace.channels(name)
            assert sum(joules[name]) == pytest.approx(float(rows["energy"].sum()))
            assert sum(bits[name]) == int(rows["bits"].sum())
            assert bits[name][1] == int(rows["header_bits"].sum())
        figure = plot(trace, breakdown=True)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == list(bits)
    both = plot([ran, ran], breakdown=True)
    assert len(both.axes[0].patches) == 4


POINTS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12)


@given(POINTS, st.tuples(*[st.booleans()] * 3))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, ...]], high: tuple[bool, ...]) -> None:
    def beats(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
        better = [(a > b) if up else (a < b) for a, b, up in zip(one, other, high, strict=True)]
        worse = [(a < b) if up else (a > b) for a, b, up in zip(one, other, high, strict=True)]
        return any(better) and not any(worse)

    expected = [not any(beats(other, one) for other in points) for one in points]
    assert front(np.array(points, float), high).tolist() == expected


def test_what_is_not_there_is_on_no_front() -> None:
    assert front(np.array([[np.nan, 1.0], [2.0, 1.0]]), (False, True)).tolist() == [False, True]


def test_the_front_is_named(tmp_path: Path) -> None:
    """One has more accuracy, the other fewer bits; the third is beaten by the first."""
    slow, bp = (
        traces.make(tmp_path / "a.h5", name="slow", pace=0.9),
        traces.make(tmp_path / "b.h5", name="good", epochs=9),
    )
    axes = plot([slow, bp], x="bits", y="test_accuracy", pareto=True).axes[0]
    assert {text.get_text() for text in axes.texts} == {"slow", "good"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--x", "joules"], "plot: joules is no measure (did you mean joules_to_95?); accepted: epoch, "),
        (["--breakdown", "--pareto"], "--breakdown draws bars of its own"),
        (["--best-over", "seed"], "is no directory; --by, --heat, --where, --third and --best-over are for a sweep's"),
    ],
)
def test_mistakes(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], error: str
) -> None:
    assert main(["plot", str(ran), *options, "-o", str(tmp_path / "f.png")]) == 2
    err = capsys.readouterr().err
    assert error in err and err.count("\n") == 1


def test_the_command(ran: Path, tmp_path: Path) -> None:
    for options in (["--x", "energy"], ["--y", "lost", "--end"], ["--breakdown"], ["--pareto"]):
        out = tmp_path / "figure.svg"
        assert main(["plot", str(ran), *options, "-o", str(out)]) == 0
        assert out.read_text().startswith("<?xml")
        out.unlink()
