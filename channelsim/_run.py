"""`channelsim.run`: a simulation from its beginning to its end, with a trace, progress and callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from channelsim import units
from channelsim.data import Dataset
from channelsim.errors import InputError
from channelsim.notebook import NotebookProgress, in_notebook
from channelsim.progress import Progress, Silent
from channelsim.result import Result
from channelsim.scenario import Scenario, only_scenario
from channelsim.simulation import Event, Simulation

Callback = Callable[[Simulation], object]


def default_out(scenario: Scenario) -> Path:
    """Where the trace goes by default."""
    return Path("runs") / f"{scenario.name}.h5"


def run(
    scenario: Scenario | None = None,
    out: str | Path | None = None,
    force: bool = False,
    resume: str | Path | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
    dataset: Dataset | None = None,
    epochs: int | None = None,
    trust: bool = False,
    init: Mapping[str, NDArray[Any]] | None = None,
    on_epoch: Callback | None = None,
    on_frames: tuple[int, Callback] | None = None,
) -> Result:
    """Simulates a scenario and leaves a trace.

    Arguments:
        scenario: what to simulate; None with `resume`.
        out: the trace's path, `runs/<name>.h5` by default.
        force: overwrite a trace that exists.
        resume: a trace that was interrupted or killed: goes on from its checkpoint, bit for bit as if it had never
            stopped.
        progress: is called while the run goes on (see `channelsim.progress`); by default a bar in a notebook, and
            nothing elsewhere.
        threads: threads of one frame's kernels, at most the machine's cores; 1 by default. They do not change the
            result.
        dataset: what `data.dataset_of(scenario)` returned, for many runs on the same data; loaded by default.
        epochs: with `resume`, so many epochs in all, at least as many as the scenario says: a run that is done goes
            on, as if it had been meant to from the start.
        trust: with `resume`, the trace may name Python files anywhere; without it those below the working directory
            or the trace's folder. They run.
        init: W_1, b_1, ... in place of drawn weights (see `Simulation`).
        on_epoch: is called after each epoch with the `Simulation`, which can be looked into and not stepped.
        on_frames: (n, function): the same whenever so many frames have entered as n divides.

    Raises:
        InputError: scenario, data or trace cannot be used; or the data are not those that the trace was begun with.
        RunError: the weights diverged, or a pipeline cannot keep up; the trace is whole.
        KeyboardInterrupt: after Ctrl-C, within a second; the trace is whole and can be resumed. SIGTERM and SIGHUP do
            the same, and then end the process.
        Whatever a callback or a method of `progress` raises; the trace is whole, holds all that they were told, and can
            be resumed.
    """
    listener = progress or (NotebookProgress() if in_notebook() else Silent())
    if scenario is not None:
        only_scenario(scenario)
    if out is None and resume is None and scenario is not None:
        out = default_out(scenario)
    if on_frames is not None and on_frames[0] < 1:
        raise InputError(f"run: on_frames = ({on_frames[0]}, ...); accepted: every 1 or more frames")
    with Simulation(
        scenario,
        dataset,
        init=init,
        out=out,
        force=force,
        resume=resume,
        epochs=epochs,
        trust=trust,
        threads=threads,
        note=listener.note,
        watch=on_epoch is not None or on_frames is not None,
    ) as simulation:
        _drive(simulation, listener, on_epoch, on_frames)
    result = simulation.result
    listener.finish(result)
    return result


def _drive(
    simulation: Simulation, listener: Progress, on_epoch: Callback | None, on_frames: tuple[int, Callback] | None
) -> None:
    """The whole run, which ends with whatever a listener raises."""
    epochs, frames = simulation.scenario.training.epochs, simulation.frames
    listener.start(simulation.scenario.name, epochs, frames // epochs, simulation.frame)
    while not simulation.done:
        until = frames if on_frames is None else (simulation.frame // on_frames[0] + 1) * on_frames[0]
        with closing(simulation.advance(until)) as course:
            for event in course:
                if event == Event.CHUNK:
                    _tell_chunk(simulation, listener)
                    if on_frames is not None and simulation.frame == until:
                        on_frames[1](simulation)
                else:
                    _tell_epoch(simulation, listener)
                    if on_epoch is not None:
                        on_epoch(simulation)


def _tell_chunk(simulation: Simulation, listener: Progress) -> None:
    listener.chunk(
        simulation.frame,
        simulation.epoch + 1,
        simulation.frames_per_second,
        units.seconds(simulation.now),
        simulation.bits,
        simulation.loss,
    )
    listener.look(simulation)


def _tell_epoch(simulation: Simulation, listener: Progress) -> None:
    listener.epoch(
        {
            **vars(simulation.metrics),
            "simulated_time_s": units.seconds(simulation.now),
            "bits": simulation.bits,
            "frames_per_second": simulation.frame / max(simulation.training_time, 1e-9),
        }
    )
