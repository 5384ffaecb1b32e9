"""A run whose policy looks at small images: people and recordings have the large ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file
from sample_runs import tiny

from configs.load import merge
from hil_app.learning.checkpoint import load_policy
from hil_app.recording.dataset import Dataset
from hil_app.runs.folder import find_checkpoint
from hil_app.runs.session import Session
from hil_app.runs.training import Training

FRONT = "observation.images.front"
LOOKS = {
    "robot": {"cameras": {"front": {"width": 64, "height": 48}}},
    "policy": {"image_size": 16, "image_encoder_hidden_dim": 4},
    "learner": {"random_shift": 4, "photometric": {}},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("squint") / "run"
    with Session(tiny(folder, **LOOKS), "train") as session:
        Training(session).run()
    return folder


def test_the_recording_has_the_large_images(run: Path) -> None:
    dataset = Dataset(run / "dataset")
    assert next(dataset.images(0, "front")).shape == (48, 64, 3)


def shapes(folder: Path, name: str) -> set[tuple[int, ...]]:
    """Of the images (H, W, C) in a saved buffer."""
    files = [*(find_checkpoint(folder) / name).rglob("*.safetensors")]
    assert files
    return {tensor.shape[1:] for file in files for tensor in load_file(file).values()}


def test_the_buffers_have_the_small_ones(run: Path) -> None:
    assert shapes(run, "online") == shapes(run, "offline") == {(16, 16, 3)}


def test_what_was_recorded_large_is_learned_from_at_any_size(run: Path, tmp_path: Path) -> None:
    changes = {
        "policy": {"image_size": 24},
        "learner": {"datasets": [str(run / "dataset")]},
        "train": {"demonstrations": 0, "ticks": 30},
    }
    again = tiny(tmp_path / "again", **merge(LOOKS, changes))
    with Session(again, "train") as session:
        Training(session).run()
    assert shapes(tmp_path / "again", "offline") == {(24, 24, 3)}


def test_its_policy_says_how_it_squints(run: Path) -> None:
    config = load_policy(find_checkpoint(run), seed=0).config
    assert config.input_features[FRONT].shape == (3, 48, 64)
    assert config.seen_shapes[FRONT] == (3, 16, 16)
