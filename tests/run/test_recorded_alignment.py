"""The alignment that a run records after its epochs tells rules and channels apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from tests.run.runs import small


@pytest.fixture
def aligned(tmp_path: Path) -> Iterator[Any]:
    def measure(**tables: Any) -> dict[str, np.ndarray]:
        training = {"batch": 10, "epochs": 2}
        traced = {"alignment": "epoch", "probe": 30}
        cs.run(small({}, training=training, trace=traced, **tables), tmp_path / "run.h5", force=True)
        with cs.Trace(tmp_path / "run.h5") as trace:
            return {layer: trace.alignment(layer) for layer in ("1", "2")}

    yield measure


def test_backpropagation_over_ideal_channels_is_the_gradient(aligned: Any) -> None:
    for rows in aligned(learning={"rule": "bp"}).values():
        np.testing.assert_allclose(rows["cosine"], 1.0, atol=1e-6)
        np.testing.assert_array_equal(rows["sign_agreement"], 1.0)
        assert (rows["feedback_cosine"] == 1).all() and (rows["feedback_sign_agreement"] == 1).all()


def test_alignment_tells_rules_and_channels_apart(aligned: Any) -> None:
    noisy = aligned(learning={"rule": "bp"}, channels={"learning": {"noise": {"sigma": 0.3, "scale": "rms"}}})
    random_feedback = aligned(learning={"rule": "srbp"})
    for layer in ("1", "2"):
        assert (noisy[layer]["cosine"] > 0.5).all() and (noisy[layer]["cosine"] < 0.999).all()
        assert (np.abs(random_feedback[layer]["cosine"]) < 0.99).all()
        assert (np.abs(random_feedback[layer]["feedback_cosine"]) < 0.9).all()


def test_sign_symmetric_feedback_has_the_signs_of_the_weights(aligned: Any) -> None:
    rows = aligned(learning={"rule": "sign"})
    for layer in ("1", "2"):
        assert (rows[layer]["cosine"] > 0.3).all()
        assert (rows[layer]["feedback_cosine"] > 0.3).all() and (rows[layer]["feedback_sign_agreement"] == 1).all()
    assert (rows["2"]["sign_agreement"] > 0.55).all()
