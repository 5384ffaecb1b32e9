"""Episodes on sheets."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from sample_datasets import CAMERAS, SIZE, episode, identified, write_dataset

from hil_app.datasets import figure as figure
from hil_app.datasets.figure import draw_figure
from hil_app.datasets.track import spans, track
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError


def test_a_track_says_what_happened(tmp_path: Path) -> None:
    failed = episode(0, 8, success=False, changes={4: {"after_pause": True}})
    write_dataset(tmp_path, [failed, episode(1, 5)])
    dataset = Dataset(tmp_path)
    found = track(dataset, 0)
    assert found.length == 8
    assert list(found.motions) == ["x", "y", "z"]
    np.testing.assert_allclose(found.motions["y"], np.arange(8) / 1000)
    assert found.gripper is not None
    assert found.gripper.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert list(found.penalties) == [1, 3, 5, 7]
    assert list(found.interventions) == [(1, 2), (5, 6)]
    assert (list(found.pauses), list(found.successes), found.end) == ([4], [], "cut short")
    assert track(dataset, 1).end == "success"
    assert list(track(dataset, 1).successes) == [4]
    assert found.title == "Episode 0: 8 frames, 0.3 s, lift the cube, record"


def test_a_failure_is_reported_from_a_time_limit(tmp_path: Path) -> None:
    frames = episode(0, 4, success=False, changes={3: {"terminated": True, "truncated": False}})
    write_dataset(tmp_path, [frames])
    assert track(Dataset(tmp_path), 0).end == "failure"


def test_stretches_are_found_at_both_ends() -> None:
    assert spans(np.array([1, 1, 0, 0, 1, 0, 1], bool)) == [(0, 2), (4, 5), (6, 7)]
    assert spans(np.zeros(3, bool)) == []


def test_a_sheet_shows_the_first_and_the_last_image_of_every_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, int, int]] = []
    numbers: list[int] = []

    def note(part: object, camera: str, images: dict[int, object], found: object) -> None:
        numbers.extend(images)
        shown.extend(identified(image) for image in images.values())  # type: ignore[arg-type]
        draw(part, camera, images, found)  # type: ignore[arg-type]

    draw = figure._draw_images
    monkeypatch.setattr(figure, "_draw_images", note)
    write_dataset(tmp_path / "data", [episode(0, 5), episode(1, 30)])
    draw_figure(Dataset(tmp_path / "data"), 1, tmp_path / "sheet.png")
    assert numbers == [0, 4, 9, 13, 17, 21, 26, 30] * len(CAMERAS)
    cameras = [camera for camera in range(len(CAMERAS)) for _ in range(8)]
    assert shown == [(c, 1, n) for c, n in zip(cameras, numbers, strict=True)]
    assert image.imread(tmp_path / "sheet.png").shape[1] == 1300


def test_an_episode_without_images_or_of_one_frame_has_a_sheet(tmp_path: Path) -> None:
    write_dataset(tmp_path / "blind", [episode(0, 1, cameras=())])
    draw_figure(Dataset(tmp_path / "blind"), 0, tmp_path / "blind.png")
    write_dataset(tmp_path / "seeing", [episode(0, 1, cameras=("front",))])
    draw_figure(Dataset(tmp_path / "seeing"), 0, tmp_path / "seeing.png")
    heights = [image.imread(tmp_path / f"{n}.png").shape[0] for n in ("blind", "seeing")]
    assert heights[1] - heights[0] > SIZE[0]


def test_a_video_that_is_cut_short_is_reported(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    path = tmp_path / "videos/observation.images.front/chunk-000/file-000.mp4"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"file-000\.mp4"):
        draw_figure(Dataset(tmp_path), 0, tmp_path / "sheet.png")
