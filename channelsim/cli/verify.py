"""`channelsim verify`: the engine against PyTorch, from the same start."""

from __future__ import annotations

from typing import Annotated

import typer

from channelsim.cli.options import Json, ScenarioFile, Settings
from channelsim.cli.output import print_json


def verify(
    scenario: ScenarioFile,
    updates: Annotated[int, typer.Option("--updates", min=1, metavar="N", help="Updates to compare.")] = 20,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            min=0,
            metavar="N",
            help="Epochs until accuracies or losses are compared; 0: not at all (default: the scenario's).",
            show_default=False,
        ),
    ] = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Compare the engine with the PyTorch reference.

    From the same start: the weights after each of the first updates, and accuracies (or losses) after the run.
    Exit status 1 if they differ.
    Needs PyTorch: pip install 'channelsim\\[reference]'.
    """
    from channelsim.scenario import load

    wanted = load(scenario, set=settings or ())

    from channelsim._verify import verify as compare

    verification = compare(wanted, updates=updates, epochs=epochs)
    if as_json:
        print_json(verification.to_json())
    else:
        print(verification)
    raise typer.Exit(0 if verification.passed else 1)
