"""``hil-app bench crashes``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sample_datasets import write_dataset

from configs.load import ConfigError
from hil_app.bench import crashes
from hil_app.bench.commands import crashes as command
from hil_app.bench.crashes import Crashes
from hil_app.recording.dataset import Dataset


def test_it_says_what_came_of_the_kills(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(["--kills=2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kills"], said["lost"], said["half_read"], said["wrong"]) == (2, 0, 0, [])


@pytest.mark.parametrize(("found", "status"), [(Crashes(), 0), (Crashes(lost=3, wrong=["x"]), 1)])
def test_a_table_and_a_status(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    found: Crashes,
    status: int,
) -> None:
    found.kills, found.acknowledged = 20, 77

    def made(_root: Path, kills: int, seed: int, _reported: object) -> Crashes:
        assert (kills, seed) == (20, 4)
        return found

    monkeypatch.setattr(crashes, "crashes", made)
    assert command.run(["--kills=20", "--seed=4"]) == status
    said = capsys.readouterr().out
    assert "77" in said
    assert "of them lost" in said


def test_no_kills_are_refused() -> None:
    with pytest.raises(ConfigError, match="--kills: must be at least 1"):
        command.run(["--kills=0"])


def test_the_bench_sees_wrong_numbers_and_images(tmp_path: Path) -> None:
    """It is no bench if nothing is ever wrong to it."""
    right = [crashes.frame(0, n, n == 4) for n in range(5)]
    names: dict[str, tuple[str, ...]] = {}
    write_dataset(tmp_path / "right", [right], names=names, fps=30)
    assert crashes._wrong(Dataset(tmp_path / "right"), 0) == []
    shifted = [crashes.frame(0, n + 1, n == 4) for n in range(5)]
    write_dataset(tmp_path / "shifted", [shifted], names=names)
    assert len(crashes._wrong(Dataset(tmp_path / "shifted"), 0)) >= 10
    for key in list(right[2].observation):
        if key != crashes.STATE:
            right[2].observation[key] = np.zeros_like(right[2].observation[key])  # type: ignore[index]
    write_dataset(tmp_path / "dark", [right], names=names)
    assert len(crashes._wrong(Dataset(tmp_path / "dark"), 0)) == len(crashes.CAMERAS)
