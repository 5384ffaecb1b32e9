"""Images of every form are read as they are, or are named and left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sample_datasets import IMAGES, SIZE, identified, write_dataset

from hil_app.__main__ import main
from hil_app.datasets.crop import crop
from hil_app.datasets.overview import overview
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.rewards.examples import inputs_of

CAM, LENGTHS = f"{IMAGES}.cam", (6, 9, 4)
WRIST = f"{IMAGES}.wrist"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "dataset")
    return tmp_path / "dataset"


def level(episode: int, frame: int) -> int:
    return 80 * episode + 9 * frame


def edited(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    change(content["features"])
    path.write_text(json.dumps(content))


def with_images(
    root: Path, shape: list[int], make: Callable[[int], NDArray[Any]], ending: str = ".png"
) -> None:
    """Add a camera of images in the table, of which each tells its episode and frame."""
    names = ["channels" if side in (1, 3, 4) else "side" for side in shape]
    feature = {"dtype": "image", "shape": shape, "names": names}
    edited(root / "meta/info.json", lambda features: features.update({CAM: feature}))
    for number, path in enumerate(sorted((root / "data").glob("*/*.parquet"))):
        table = pq.read_table(path, partitioning=None)
        images = [make(level(number, frame)) for frame in range(len(table))]
        cells = [{"bytes": cv2.imencode(ending, one)[1].tobytes(), "path": ""} for one in images]
        pq.write_table(table.append_column(CAM, pa.array(cells)), path)
    without_last(root)


def without_last(root: Path) -> None:
    """Nothing is known of what was seen last, as with images in the table."""
    for path in (root / "meta/episodes").glob("*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        final = [name for name in table.column_names if name.startswith("final/")]
        pq.write_table(table.drop_columns(final), path)


def flat(*shape: int) -> Callable[[int], NDArray[Any]]:
    return lambda value: np.full(shape, value, np.uint8)


def coloured(value: int) -> NDArray[Any]:
    return np.full((48, 64, 3), (value // 4, value // 2, value), np.uint8)  # blue, green, red


FORMS: dict[str, tuple[list[int], Callable[[int], NDArray[Any]], bool]] = {
    "grey": ([48, 64, 1], flat(48, 64), True),
    "grey without channels": ([48, 64], flat(48, 64), True),
    "transparent": ([48, 64, 4], flat(48, 64, 4), True),
    "channels first": ([3, 48, 64], coloured, False),
    "channels last": ([48, 64, 3], coloured, False),
    "grey, channels first": ([1, 48, 64], flat(48, 64), True),
}


@pytest.mark.parametrize("form", FORMS)
def test_images_become_three_channels_and_keep_their_values(root: Path, form: str) -> None:
    shape, make, grey = FORMS[form]
    with_images(root, shape, make)
    dataset = Dataset(root)
    assert dataset.left_out is None
    assert inputs_of([dataset], ["cam"], [])[CAM].shape == (3, 48, 64)
    assert overview(root).cameras["cam"] == "64x48"
    for number, length in enumerate(LENGTHS):
        for frame, seen in enumerate(dataset.images(number, "cam")):
            value = level(number, frame)
            assert (seen == ((value,) * 3 if grey else (value, value // 2, value // 4))).all()
        assert (frame + 1, seen.shape) == (length, (48, 64, 3))


def deep_images(root: Path) -> None:
    with_images(root, [48, 64, 1], lambda value: np.full((48, 64), 300 + value, np.uint16))


def deep_videos(root: Path) -> None:
    feature = {"dtype": "video", "shape": [48, 64, 1], "names": ["height", "width", "channels"]}
    edited(root / "meta/info.json", lambda features: features.update({CAM: feature}))
    for number, length in enumerate(LENGTHS):
        path = root / f"videos/{CAM}/chunk-000/file-{number:03d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", format="matroska") as file:
            stream = file.add_stream("ffv1", rate=30)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "gray16le"
            for _ in range(length + 1):
                frame = av.VideoFrame(64, 48, "gray16le")
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    (path,) = (root / "meta/episodes").glob("*/*.parquet")
    table = pq.read_table(path, partitioning=None)
    for name in ("chunk_index", "file_index", "from_timestamp", "to_timestamp"):
        table = table.append_column(f"videos/{CAM}/{name}", table[f"videos/{WRIST}/{name}"])
    pq.write_table(table, path)


def in_ten_bits(root: Path, colour: bool) -> None:
    """The wrist's images as H.264 with 10 bits, the first one is black."""
    for number, length in enumerate(LENGTHS):
        path = root / f"videos/{WRIST}/chunk-000/file-{number:03d}.mp4"
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = 80, 64, "yuv420p10le"
            for frame in range(length + 1):
                image = np.zeros((64, 80, 3), np.uint8)
                image[:, 40:, :] = 20 * frame
                image[:, 40:, 0] //= 2 if colour else 1
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            file.mux(stream.encode(None))


@pytest.mark.parametrize("colour", [False, True])
def test_ten_bits_without_any_colour_are_depth(root: Path, colour: bool) -> None:
    in_ten_bits(root, colour)
    dataset = Dataset(root)
    assert dataset.info.depth == (() if colour else (WRIST,))
    if colour:
        seen = list(dataset.images(1, "wrist"))[5]
        assert abs(seen[32, 60].astype(int) - (50, 100, 100)).max() < 8


DEEP = {"images": deep_images, "videos": deep_videos}


@pytest.mark.parametrize("kind", DEEP)
def test_depth_that_nothing_declares_is_named_and_left_out(
    root: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    DEEP[kind](root)
    dataset = Dataset(root)
    assert dataset.cameras == ("front", "wrist")
    assert dataset.left_out == (
        f"{root}: {CAM} shows depth, which nothing looks at: it is left out"
    )
    assert [*inputs_of([dataset], None, [])] == [f"{IMAGES}.front", WRIST]
    assert overview(root).cameras["cam"] == "depth, left out"
    with pytest.raises(DatasetError, match=f"it has those of front, wrist, and depth of {CAM}$"):
        dataset.images(0, "cam")
    seen = [frame.observation for frame in dataset.frames(1)]
    assert [identified(state[WRIST]) for state in seen] == [(1, 1, n) for n in range(len(seen))]
    made = crop(dataset, tmp_path / "copy", {}, (32, 40))
    assert CAM in made.lost
    assert made.sizes.keys() == {"front", "wrist"}
    out = tmp_path / "sheet.png"
    assert main(["dataset", "view", str(root), "--episode", "0", "--out", str(out)]) == 0
    assert "shows depth" in capsys.readouterr().out


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_an_image_of_another_size_than_declared_is_named(root: Path, ending: str) -> None:
    with_images(root, [24, 32, 3], flat(48, 64, 3), ending)
    line = "episode 1, frame 0, .*cam: .* 64x48, but info.json says 32x24"
    with pytest.raises(DatasetError, match=line):
        next(Dataset(root).images(1, "cam"))


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize("hurt", [lambda b: b[: len(b) * 2 // 3], lambda b: b[:-99] + bytes(99)])
def test_an_image_that_is_not_whole_is_named(
    root: Path, ending: str, hurt: Callable[[bytes], bytes]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    with_images(root, [48, 64, 3], lambda _: noise, ending)
    path = root / "data/chunk-000/file-001.parquet"
    table = pq.read_table(path, partitioning=None)
    cells = table[CAM].to_pylist()
    cells[3]["bytes"] = hurt(cells[3]["bytes"])
    at = table.column_names.index(CAM)
    pq.write_table(table.set_column(at, CAM, pa.array(cells)), path)
    images = Dataset(root).images(1, "cam")
    assert len([next(images) for _ in range(3)]) == 3
    with pytest.raises(DatasetError, match=r"episode 1, frame 3.*cam cannot be read"):
        next(images)


def test_a_video_of_another_size_than_declared_is_named(root: Path) -> None:
    shape = [32, 32, 3]
    edited(root / "meta/info.json", lambda features: features[WRIST].update(shape=shape))
    line = "episode 2, frame 0, .*wrist: .* 80x64, but info.json says 32x32"
    with pytest.raises(DatasetError, match=line):
        list(Dataset(root).frames(2))


def test_a_camera_may_have_another_kind_of_name(root: Path, tmp_path: Path) -> None:
    """Other tools call a single one observation.image."""
    key = "observation.image"

    def rename(features: dict[str, Any]) -> None:
        features[key] = features.pop(WRIST)
        del features[f"{IMAGES}.front"]

    edited(root / "meta/info.json", rename)
    (root / f"videos/{WRIST}").rename(root / f"videos/{key}")
    (path,) = (root / "meta/episodes").glob("*/*.parquet")
    table = pq.read_table(path, partitioning=None)
    names = [name.replace(WRIST, key) for name in table.column_names]
    pq.write_table(table.rename_columns(names), path)
    dataset = Dataset(root)
    assert dataset.cameras == (key,)
    assert overview(root).cameras[key] == "80x64 h264"
    assert overview(root).faults == []
    assert inputs_of([dataset], [key], [])[key].shape == (3, *SIZE)
    assert [identified(seen)[1:] for seen in dataset.images(1, key)] == [(1, n) for n in range(10)]
    made = crop(dataset, tmp_path / "copy", {key: (0, 0, 32, 48)}, None)
    assert made.sizes == {key: (32, 48)}
    copy = Dataset(tmp_path / "copy")
    assert copy.cameras == (key,)
    whole = [seen[:32, :48] for seen in dataset.images(1, key)]
    for one, other in zip(whole, copy.images(1, key), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 8
