"""``hil-app bench record``: what it measures is what it says."""

import json
from itertools import pairwise

import numpy as np
import pytest

from configs.load import ConfigError
from hil_app.bench import record
from hil_app.bench.commands import record as command
from hil_app.recording.writer import DatasetWriter

QUICK = ["--seconds=1", "--turns=1", "--env.control_time_s=0.5"]
SMALL = ["--policy.hidden_dims=[8,8]", "--policy.latent_dim=8", "--learner.batch_size=8"]


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr(record, "WIDTH", 80)
    monkeypatch.setattr(record, "HEIGHT", 80)


def test_it_counts_every_frame_and_measures_both_kinds(capsys):
    assert command.run([*QUICK, *SMALL, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    kinds = {"without", "with cameras"}
    assert set(result["lateness_ms"]) == set(result["updates_per_s"]) == kinds
    assert 60 <= result["ticks"] <= 62 + 30  # the last episode goes on to its end
    assert result["dropped"] == 0
    assert result["backlog_max_frames"] >= 1
    assert result["megabytes_per_minute"] > 0


def test_frames_that_a_dataset_lacks_are_counted_and_are_an_error(capsys, monkeypatch):
    keep = DatasetWriter.add

    def forgetful(writer, frame, stage):
        if frame.tick != 3:
            keep(writer, frame, stage)

    monkeypatch.setattr(DatasetWriter, "add", forgetful)
    assert command.run([*QUICK, *SMALL]) == 1
    assert " 0 frames lost" not in capsys.readouterr().out


def test_the_cameras_show_what_moves_and_differ():
    front, wrist = record._shots(0), record._shots(1)
    assert {image.shape for image in front + wrist} == {(80, 80, 3)}
    assert (front[0] != wrist[0]).any()
    assert all((one != other).any() for one, other in pairwise(front))
    steps = [
        np.abs(one.astype(int) - other).mean()
        for one, other in zip(front, [*front[1:], front[0]], strict=True)
    ]
    assert max(steps) < 3 * np.median(steps)  # it never jumps


@pytest.mark.parametrize("wrong", ["--seconds=0", "--seconds=nan", "--seconds=inf", "--turns=0"])
def test_what_cannot_be_measured_is_refused(wrong):
    with pytest.raises(ConfigError, match=f"{wrong.partition('=')[0]}: must be "):
        command.run([wrong])
