"""Whether a learner has each frame of a run once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from configs.errors import ConfigError
from hil_app.bench import BenchError
from hil_app.bench.commands import remote
from hil_app.bench.remote import compared as module
from hil_app.bench.remote import wire
from hil_app.bench.remote.compared import compared
from hil_app.bench.remote.session import Found, Measured
from hil_app.control.outcomes import DEMONSTRATE, TRAIN


class FakeDataset:
    """A demonstration and an episode of the training, three frames each that count on."""

    episodes = (SimpleNamespace(stage=DEMONSTRATE), SimpleNamespace(stage=TRAIN))

    def __init__(self, root: Path) -> None:
        pass

    def columns(self, number: int) -> dict[str, np.ndarray]:
        return columns([10 * number, 10 * number + 1, 10 * number + 2])


def columns(numbers: list[int]) -> dict[str, np.ndarray]:
    states = np.array([[number, 0.5] for number in numbers], np.float32)
    return {"observation.state": states, "action": states[:, :1].copy()}


@pytest.mark.parametrize(
    ("rows", "lost", "doubled", "strange"),
    [
        ([10, 11, 12], 0, 0, 0),
        ([12, 10, 11], 0, 0, 0),
        ([10, 12], 1, 0, 0),
        ([10, 11, 11, 11, 12], 0, 2, 0),
        ([10, 11, 12, 77], 0, 0, 1),
        ([0, 10, 11, 12], 0, 0, 1),  # a demonstration is no row of the training
    ],
)
def test_what_is_lost_doubled_or_strange_is_counted(
    rows: list[int],
    lost: int,
    doubled: int,
    strange: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "Dataset", FakeDataset)
    newest = tmp_path / "tick_000002"
    for folder in (tmp_path / "tick_000001", newest):
        folder.mkdir()
    there = columns(rows)
    content = {"rows.state.observation.state": there["observation.state"]}
    save_file({**content, "rows.action": there["action"]}, newest / "online@left.safetensors")
    found = compared(tmp_path, tmp_path, "left")
    assert (found.frames, found.lost, found.doubled, found.strange) == (3, lost, doubled, strange)


def test_a_learner_without_a_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="has left no checkpoint"):
        compared(tmp_path, tmp_path, "left")


def measured(**changes: int) -> Measured:
    counts = {"frames": 900, "lost": 0, "doubled": 0, "strange": 0, "violations": 0, **changes}
    violations = counts.pop("violations")
    times = {"p50": 0.1, "p99": 1.0, "max": 9.0}
    return Measured(30.0, module.Compared(**counts), violations, 30.0, times, 0.2, 700, 90, 400)


@pytest.mark.parametrize("bad", ["lost", "doubled", "strange", "violations"])
def test_one_of_them_is_enough_to_be_bad(bad: str) -> None:
    assert Found(measured(), measured(), []).good
    assert not Found(measured(), measured(**{bad: 1}), []).good
    assert not Found(measured(**{bad: 1}), measured(), []).good


def test_only_root_may_make_a_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire.os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="makes network namespaces: run it as root"):
        remote.run(["--faults=1"])
