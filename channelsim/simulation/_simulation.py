"""The run as an object: stepped, looked into, stopped and resumed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from channelsim import engine, signals, trace, units
from channelsim.data import Dataset
from channelsim.errors import InputError, RunError, Unwritable
from channelsim.paths import path_of
from channelsim.plan import Watched
from channelsim.result import Result
from channelsim.scenario import Scenario
from channelsim.simulation._beginning import begin
from channelsim.simulation._course import Course
from channelsim.simulation._metrics import Metrics
from channelsim.simulation._recorder import Recorder
from channelsim.simulation._values import Sight, Synapses, Values, synapses

CHUNK_SECONDS = 0.2  # between two looks at Ctrl-C, the clock and the progress bar
FIRST_CHUNK = 16  # frames


class Event(Enum):
    """What has just happened in a run."""

    CHUNK = "some frames have entered"
    EPOCH = "an epoch is over and judged"


class Simulation:
    """A run between two frames: it steps, shows what is inside, and can be left at any time with its trace whole.

        with cs.Simulation(scenario, out="run.h5") as sim:
            for _ in sim.epochs():
                if sim.metrics.test_accuracy > 0.97:
                    break

    However it is stepped, and however often it is stopped and resumed, weights, counters and times are those of
    `channelsim.run`, bit for bit. Whatever ends the `with` block (its end, `break`, an exception, Ctrl-C) leaves a
    trace with all that has happened, from which `resume` goes on. Between two steps nothing happens in it, so that a
    caller may take any time.

    Arguments:
        scenario: what to simulate; None with `resume`.
        dataset: its data; loaded by default (`channelsim.data.dataset_of`).
        init: W_1, b_1, ... of all layers, and perhaps all C_1, ..., which then are matrices and one for each layer, in
            place of drawn ones, shaped as in `Trace.weights`.
        out: the trace's path; by default nothing is written.
        force: overwrite a trace that exists.
        resume: a trace that was interrupted or killed: goes on from its checkpoint.
        epochs: with `resume`, so many epochs in all: a run that is done goes on.
        trust: with `resume`, the trace may name Python files anywhere, which run; without it those below the working
            directory or the trace's folder.
        threads: of one frame's kernels, at most the machine's cores; they do not change the result.
        note: is called with what is worth a line: what was found in the data, warnings, compilation.
        watch: whether the values of the last frame are kept, for `activity`, `error`, `sent` and `delivered`. Of a
            sequential run this costs the copy of one frame a step, in a pipeline of every frame.

    Raises:
        InputError: scenario, data, weights or trace cannot be used.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        dataset: Dataset | None = None,
        *,
        init: Mapping[str, NDArray[Any]] | None = None,
        out: str | Path | None = None,
        force: bool = False,
        resume: str | Path | None = None,
        epochs: int | None = None,
        trust: bool = False,
        threads: int | None = None,
        note: Callable[[str], object] | None = None,
        watch: bool = True,
    ) -> None:
        began = time.perf_counter()
        begun = begin(scenario, dataset, init, resume, epochs, watch, trust)
        self._note = note or (lambda text: None)
        self._threads = threads or 1
        self._plan = begun.plan
        self._recorder: Recorder | None = None
        self._over = False  # the trace is closed
        self._status = "running"
        self._chunk = FIRST_CHUNK
        self.frames_per_second = 0.0  # of the last chunk
        self._seen = Sight(begun.plan)
        with ExitStack() as held:
            held.enter_context(signals.in_order())
            writer = begun.writer(None if out is None else path_of(out), force)
            if writer is not None:
                held.enter_context(writer)
            with signals.kept_ctrl_c():
                if seconds := engine.seconds_to_compile(begun.plan, recording=begun.recording):
                    self._note(f"compiling the engine, once on this machine (about {seconds} s) ...")
                self._course = Course(begun, began)
            if writer is not None:
                self._recorder = Recorder(writer, self._course, begun.recording)
            self._held = held.pop_all()
        try:
            self._begin(writer.notes if writer is not None else [], resumed=begun.arrays is not None)
        except BaseException as stop:
            self._end(stop)
            raise

    def _begin(self, notes: list[str], resumed: bool) -> None:
        """Tells what is to be told, and compiles the engine or loads it, so that training time does not include that.
        Ctrl-C here ends at once."""
        if self.dataset.found:
            self._note(f"data: {self.dataset.found}")
        for text in (*self._course.data_warnings, *notes):
            self._note(f"warning: {text}")
        with self._failing():
            if self._recorder:
                if not resumed:
                    self._recorder.synapses()
                self._recorder.checkpoint()  # from now on the run can be resumed
            with signals.kept_ctrl_c():
                engine.advance(self._plan, self._course.state, 0)

    # --- going on -------------------------------------------------------------------------------------------

    def step(self, frames: int = 1) -> int:
        """So many frames more, at most to the end of the run; at the end of each epoch it is judged. Returns how many
        have entered: fewer than asked for only at the end of the run, where all that was in flight has arrived.

        Raises:
            RunError: the weights diverged, or a pipeline cannot keep up; the trace is closed, and whole.
            KeyboardInterrupt: after Ctrl-C, between two chunks; the run may go on.
        """
        if frames < 0:
            raise InputError(f"step(frames={frames}): accepted: 0 or more")
        before = self.frame
        for _ in self.advance(before + frames):
            pass
        return self.frame - before

    def epochs(self) -> Iterator[Simulation]:
        """Goes on epoch by epoch to the end of the run, and yields this object after each. Raises as `step` does."""
        while not self.done:
            self.step((self.epoch + 1) * self._plan.frames_per_epoch - self.frame)
            yield self

    def run_until(self, condition: Callable[[Simulation], object], every: int = 1) -> bool:
        """Goes on until `condition(self)` is true, which is asked now and after each `every` frames. Returns whether it
        was, before the run ended. Raises as `step` does."""
        if every < 1:
            raise InputError(f"run_until(every={every}): accepted: 1 or more frames")
        while not condition(self):
            if self.done:
                return False
            self.step(every)
        return True

    def advance(self, until: int) -> Generator[Event, None, None]:
        """Goes on until frame `until` would enter, chunk by chunk of about 0.2 s, and yields what has just happened.
        While it lasts Ctrl-C waits for the end of a chunk. Raises as `step` does."""
        if self._over and not self.done:
            raise InputError(f"this simulation is closed ({self._status}); accepted: Simulation(resume=TRACE)")
        until, course = min(until, self._plan.frames), self._course
        with threadpool_limits(limits=1), engine.threads(self._threads), _calm_interrupts() as pressed:
            while not self.done:
                if pressed:
                    raise KeyboardInterrupt
                if course.epoch == self._plan.epochs:
                    self._finish()
                    return
                if course.epoch_is_over:
                    with self._failing():
                        epoch = course.end_epoch()
                        if self._recorder:
                            self._recorder.epoch(epoch)
                    yield Event.EPOCH
                    for text in course.losses():
                        self._note(f"warning: {text}")
                elif self.frame < until:
                    self._one_chunk(until)
                    yield Event.CHUNK
                    ends = (self._plan.frames_per_epoch * (course.epoch + 1), self._plan.frames - 1)
                    if self.frame in ends and (found := course.falls_behind()):
                        self._note(f"warning: {found}")
                else:
                    return
                if self._recorder and course.epoch < self._plan.epochs:
                    with self._failing():
                        self._recorder.checkpoint_if_due()

    def _one_chunk(self, until: int) -> None:
        first = self.frame
        until = min(until, first + self._chunk)
        with self._failing():
            if self._recorder:
                until = min(until, self._recorder.next_synapses())
            took = self._course.advance(until, self._messages, self._values)
            if self._recorder:
                self._recorder.synapses()
        frames = self.frame - first
        self.frames_per_second = frames / max(took, 1e-9)
        self._chunk = max(1, min(4 * self._chunk, int(frames * CHUNK_SECONDS / max(took, 1e-6))))

    def _messages(self, rows: NDArray[Any], values: NDArray[np.float32]) -> None:
        if self._recorder:
            self._recorder.messages(rows, values)

    def _values(self, rows: NDArray[Any], values: NDArray[np.float32]) -> None:
        if self._recorder:
            self._recorder.values(rows, values)
        self._seen.take(rows, values)

    # --- ending ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the simulation: a run that is not done is interrupted, and its trace can be resumed. Again: nothing."""
        self._end(None)

    def __enter__(self) -> Simulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, stop: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end(stop)

    def _finish(self) -> None:
        """All epochs are done."""
        self._status, self._over = "done", True
        with self._failing():
            if self._recorder:
                self._recorder.done()

    def _end(self, stop: BaseException | None) -> None:
        """Between two chunks: from here the run can go on."""
        with self._held:
            if self._over:
                return
            self._over = True
            if isinstance(stop, Unwritable):
                return  # on disk the trace is whole as of its last checkpoint
            if stop is None and self._course.epoch == self._plan.epochs:
                self._finish()
                return
            self._status = "interrupted"
            if self._recorder:
                self._recorder.interrupted(resumable=True)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Around what cannot be gone on with when it fails: the trace ends with its last checkpoint."""
        try:
            yield
        except Unwritable:
            self._status, self._over = "interrupted", True
            raise  # on disk the trace is whole as of its last checkpoint
        except engine.Diverged as error:
            self._status, self._over = "diverged", True
            if self._recorder:
                self._recorder.diverged()
            raise RunError(self._told(error)) from None
        except BaseException as stop:
            self._status, self._over = "interrupted", True
            if self._recorder:
                self._recorder.interrupted(resumable=False)
            if isinstance(stop, RunError):
                raise RunError(self._told(stop)) from None
            raise

    def _told(self, error: RunError) -> str:
        where = f" (the trace up to there: {self._recorder.path})" if self._recorder else ""
        return f"{self.scenario.name}: {error}{where}"

    # --- what it is -----------------------------------------------------------------------------------------

    @property
    def scenario(self) -> Scenario:
        """What is simulated."""
        return self._course.scenario

    @property
    def dataset(self) -> Dataset:
        """The data that it learns from."""
        return self._course.dataset

    @property
    def status(self) -> str:
        """running, done, interrupted (closed before its end) or diverged."""
        return self._status

    @property
    def done(self) -> bool:
        """Whether all epochs are over."""
        return self._status == "done"

    @property
    def result(self) -> Result:
        """What the run has come to so far."""
        status = "interrupted" if self._status == "running" else self._status
        return self._course.result(status, str(self._recorder.path) if self._recorder else "")

    # --- where it is ----------------------------------------------------------------------------------------

    @property
    def frame(self) -> int:
        """Frames that have entered since the run began."""
        return self._course.state.frame

    @property
    def frames(self) -> int:
        """Frames of the whole run."""
        return self._plan.frames

    @property
    def epoch(self) -> int:
        """Epochs that are over."""
        return self._course.epoch

    @property
    def now(self) -> int:
        """Simulated time, ps."""
        return self._course.state.now

    @property
    def loss(self) -> float:
        """Mean training loss of this epoch so far; NaN before a sample has reached the top."""
        return self._course.state.mean_loss

    @property
    def metrics(self) -> Metrics:
        """Figures of the last epoch that is over."""
        return self._metrics(self.epoch) if self.epoch else Metrics()

    @property
    def history(self) -> tuple[Metrics, ...]:
        """Figures of all epochs that are over."""
        return tuple(self._metrics(epoch) for epoch in range(1, self.epoch + 1))

    def _metrics(self, epoch: int) -> Metrics:
        row, own = self._course.rows[epoch - 1], self._course.own_rows[epoch - 1]
        return Metrics(epoch=epoch, own=dict(own), **{**row, "updates": int(row["updates"])})  # type: ignore[arg-type]

    @property
    def training_time(self) -> float:
        """Wall time inside the engine, s."""
        return self._course.training_time

    # --- what is inside -------------------------------------------------------------------------------------

    @property
    def weights(self) -> Synapses:
        """Copies of all W, by name: W_1 (inputs, units), of a convolution (channels, rows, columns, maps)."""
        return self._synapses("weights")

    @property
    def biases(self) -> Synapses:
        """Copies of all b: b_1 (units,), of a convolution (maps,)."""
        return self._synapses("biases")

    @property
    def feedback(self) -> Synapses:
        """Copies of all C: C_1 (units of the sender, units of layer 1), a bank and the magnitudes of `sign` as W, a
        sparse C wire by wire with C_1_sender and C_1_receiver, of single synapses (units, synapses); of a low rank C_1
        is Q, and P_1 is there. Of several channels to a layer C_1_from_3, C_1_copy_2."""
        return self._synapses("feedback")

    def _synapses(self, what: str) -> Synapses:
        state = self._course.state
        engine.settle(state)
        return synapses(self._plan, trace.Snapshot(self.epoch, state.weights, state.biases, state.feedback), what)

    def activity(self, layer: int) -> NDArray[np.float32]:
        """O of a layer (samples, units), of the frame that it computed last."""
        return self.values("activity", layer).values

    def error(self, layer: int) -> NDArray[np.float32]:
        """R of a layer (samples, units), of the frame whose error it received last; of the top layer e, which is
        T - O unless the loss is the user's own."""
        return self.values("error", layer).values

    def sent(self, where: int | str) -> NDArray[np.float32]:
        """The last messages of a channel as sent (samples, values): after threshold and quantizer. There is a value for
        each unit of the sender; r values with a low rank; with a quantizer at the receiver one for each of its units.
        `where`: its name, as "learning.1", or the number of a layer, whose input is meant."""
        return self.values("sent", where).values

    def delivered(self, where: int | str) -> NDArray[np.float32]:
        """The same as delivered: after noise, bit errors, losses and deadlines."""
        return self.values("delivered", where).values

    def values(self, what: str, where: int | str) -> Values:
        """What `activity`, `error`, `sent` or `delivered` return, with the frame and its samples.

        Raises InputError where nothing has been seen yet: before the first step.
        """
        kinds = {kind.name.lower(): kind for kind in Watched}
        if what not in kinds:
            raise InputError(f"values({what!r}): no such values; accepted: {', '.join(kinds)}")
        return self._seen.at(kinds[what], where)

    @property
    def channels(self) -> dict[str, dict[str, float]]:
        """Channel name -> messages, events, bits, losses, queue_max and utilisation so far, as in `Result.channels`."""
        return self._course.totals()

    @property
    def bits(self) -> int:
        """Bits sent on all channels so far."""
        return int(self._course.state.counters["bits"].sum())

    @property
    def backlog(self) -> dict[str, int]:
        """Link name -> ps until it has sent what it has been given; "layer 1", ... -> until it has computed that."""
        state = self._course.state
        links = zip(self._plan.link_names, state.link_backlog, strict=True)
        layers = zip(self._plan.layer_names, state.layer_backlog[1:], strict=True)
        return {
            **{name: max(0, int(wait)) for name, wait in links},
            **{f"layer {name}": max(0, int(wait)) for name, wait in layers},
        }

    @property
    def in_flight(self) -> int:
        """Frames that have entered and are not finished."""
        return self._course.state.in_flight

    def __repr__(self) -> str:
        accuracy = self.metrics.test_accuracy
        tested = "" if accuracy != accuracy else f", test accuracy {100 * accuracy:.2f} %"
        return (
            f"Simulation of {self.scenario.name!r}, {self.status}: frame {self.frame:,} of {self.frames:,}, epoch "
            f"{self.epoch} of {self._plan.epochs}, {units.format_duration(self.now)}{tested}"
        )


@contextmanager
def _calm_interrupts() -> Iterator[list[bool]]:
    """Turns Ctrl-C into a flag that the run looks at between chunks; a second Ctrl-C interrupts at once."""
    flag: list[bool] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if flag:
            raise KeyboardInterrupt
        flag.append(True)

    try:
        before = signal.signal(signal.SIGINT, remember)
    except ValueError:  # not the main thread: whoever runs this one decides about signals
        yield flag
        return
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
