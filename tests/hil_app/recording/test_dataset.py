"""Frames to a dataset and back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sample_datasets import CAMERAS, IMAGES, STATE, episode, identified, image, write_dataset

from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.frames import Frame
from hil_app.recording.images import decoding
from robots.base import Reading


def assert_same(found: Frame, wanted: Frame) -> None:
    """All numbers bit for bit, and images that tell the same."""
    for name in Frame.__slots__:
        one, two = getattr(found, name), getattr(wanted, name)
        if name in ("observation", "next_observation"):
            assert list(one) == list(two)
            for key in two:
                if key.startswith(IMAGES):
                    assert identified(one[key]) == identified(two[key]), key
                    assert np.abs(one[key].astype(int) - two[key]).mean() < 3
                else:
                    same(one[key], two[key])
        elif isinstance(two, np.ndarray):
            same(one, two)
        elif isinstance(two, Reading):
            same_sensed(one, two, at_the_end=wanted.done and name == "next_reading")
        else:
            assert (type(one), one) == (type(two), two), name


def same_sensed(found: Reading, wanted: Reading, *, at_the_end: bool) -> None:
    """All that a robot sensed; at an episode's end its time is not recorded."""
    for field in fields(Reading):
        one, two = getattr(found, field.name), getattr(wanted, field.name)
        if isinstance(two, np.ndarray):
            same(one, two)
        elif field.name == "stamp" and at_the_end:
            assert np.isnan(one)
        else:
            assert one == ({} if field.name == "ages" and at_the_end else two), field.name


def same(one: object, two: object) -> None:
    assert isinstance(one, np.ndarray)
    assert isinstance(two, np.ndarray)
    assert (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_frames_come_back_as_they_were(tmp_path: Path, codec: str) -> None:
    written = write_dataset(tmp_path, codec=codec)
    dataset = Dataset(tmp_path)
    assert (dataset.cameras, len(dataset), dataset.fps) == (CAMERAS, 19, 30)
    for index, frames in enumerate(written):
        for found, wanted in zip(dataset.frames(index), frames, strict=True):
            assert_same(found, wanted)


def test_a_next_state_is_the_next_frames_state(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    frames = list(Dataset(tmp_path).frames(1))
    for one, two in pairwise(frames):
        assert one.next_observation is two.observation
    assert frames[-1].next_observation[STATE][1] == np.float32(9.1)


# any values


numbers = st.floats(width=32, allow_nan=False)  # but infinities, zeros below zero and all else
actions = arrays(np.float32, (4,), elements=numbers)


readings = st.builds(
    Reading,
    joints=arrays(np.float32, (6,), elements=numbers),
    stamp=st.floats(allow_nan=False, allow_infinity=False),
    loads=arrays(np.float32, (6,), elements=numbers),
    ages=st.fixed_dictionaries({"front": st.floats(0, 1e6)}),
)


@st.composite
def any_frames(draw: st.DrawFn) -> list[Frame]:
    """An episode without images, of any numbers and flags."""
    length = draw(st.integers(1, 6))
    seen = [{STATE: draw(arrays(np.float32, (2,), elements=numbers))} for _ in range(length + 1)]
    sensed = [draw(readings) for _ in range(length + 1)]
    frames = []
    for number in range(length):
        ends = number == length - 1
        terminated = ends and draw(st.booleans())
        frames.append(
            Frame(
                tick=number + 1,
                observation=seen[number],
                action=draw(actions),
                policy_action=draw(actions),
                sent=draw(arrays(np.float32, (6,), elements=numbers)),
                next_observation=seen[number + 1],
                reward=draw(numbers),
                discrete_penalty=draw(numbers),
                success=draw(st.booleans()),
                terminated=terminated,
                truncated=ends and (not terminated or draw(st.booleans())),
                is_intervention=draw(st.booleans()),
                rerecord=False,
                weights_version=draw(st.integers(0, 2**62)),
                reading=sensed[number],
                next_reading=sensed[number + 1],
                after_pause=draw(st.booleans()),
                seed=draw(st.integers(0, 2**62)),
            )
        )
    return frames


@settings(max_examples=30, deadline=None)
@given(episodes=st.lists(any_frames(), min_size=1, max_size=3))
def test_any_numbers_come_back_bit_for_bit(episodes: list[list[Frame]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        write_dataset(Path(folder) / "dataset", episodes, names={})
        dataset = Dataset(Path(folder) / "dataset")
        assert [each.length for each in dataset.episodes] == [len(frames) for frames in episodes]
        for index, frames in enumerate(episodes):
            for found, wanted in zip(dataset.frames(index), frames, strict=True):
                assert_same(found, wanted)


def test_one_number_is_a_scalar_in_the_file_and_a_vector_in_a_state(tmp_path: Path) -> None:
    frames = episode(0, 3, cameras=())
    for each in frames:
        for seen in (each.observation, each.next_observation):
            seen.update({STATE: seen[STATE][:1]})  # type: ignore[attr-defined]
    write_dataset(tmp_path, [frames], names={})
    dataset = Dataset(tmp_path)
    assert pq.read_schema(tmp_path / "data/chunk-000/file-000.parquet").field(STATE).type == "float"
    assert dataset.columns(0)[STATE].shape == (3, 1)
    for found, wanted in zip(dataset.frames(0), frames, strict=True):
        assert_same(found, wanted)


# columns and images


def test_columns_and_the_last_observation(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    dataset = Dataset(tmp_path)
    columns = dataset.columns(1)
    assert columns["index"].tolist() == list(range(6, 15))
    assert columns["frame_index"].tolist() == list(range(9))
    assert columns["episode_index"].tolist() == [1] * 9
    np.testing.assert_array_equal(columns["timestamp"], (np.arange(9) / 30).astype(np.float32))
    assert columns["next.truncated"].tolist() == [False] * 8 + [True]
    assert not columns["next.done"].any()
    is_intervention = columns["complementary_info.is_intervention"]
    np.testing.assert_array_equal(is_intervention, columns["intervention"])
    assert is_intervention.tolist() == [n % 4 == 1 for n in range(9)]
    assert columns["weights_version"].tolist() == list(range(1000, 1009))
    assert columns["age.wrist"].tolist() == [2 * n / 1000 for n in range(9)]
    final = dataset.final(1)
    assert final is not None
    same(final[STATE], np.array([1.009, 9.1], np.float32))


def test_images_are_one_more_than_frames_and_in_order(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    for camera, name in enumerate(CAMERAS):
        seen = [identified(each) for each in Dataset(tmp_path).images(1, name)]
        assert seen == [(camera, 1, number) for number in range(10)]
    with pytest.raises(DatasetError, match=r"no video of a camera side; it has .* front, wrist"):
        Dataset(tmp_path).images(0, "side")


def test_frames_with_the_images_of_some_cameras(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    first = next(Dataset(tmp_path).frames(0, ["wrist"]))
    assert [key for key in first.observation if key.startswith(IMAGES)] == [f"{IMAGES}.wrist"]


def test_what_is_known_of_episodes(tmp_path: Path) -> None:
    write_dataset(tmp_path, stage="demonstrate")
    first, second, _ = Dataset(tmp_path).episodes
    assert first == EpisodeInfo(0, 6, ("lift the cube",), "demonstrate", True, False)
    assert (second.length, second.success) == (9, False)


def test_images_are_decoded_as_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(tmp_path, [episode(0, 100)])
    decoded, make = [], decoding.rgb

    def counted(*given: Any) -> object:
        decoded.append(given)
        return make(*given)

    monkeypatch.setattr(decoding, "rgb", counted)
    frames = Dataset(tmp_path).frames(0)
    next(frames)
    assert len(decoded) == 2 * len(CAMERAS)
    assert sum(1 for _ in frames) == 99
    assert len(decoded) == 101 * len(CAMERAS)


def test_reading_while_another_process_writes_never_sees_half_an_episode(tmp_path: Path) -> None:
    """Children that are killed write; the reader looks all the while."""
    seen, errors, done = [0], [], threading.Event()

    def look() -> None:
        while not done.is_set():
            try:
                dataset = Dataset(tmp_path / "dataset")
                seen.append(len(dataset.episodes))
                if dataset.episodes:
                    index = len(dataset.episodes) - 1
                    assert sum(1 for _ in dataset.frames(index)) == dataset.episodes[-1].length
            except DatasetError as error:
                if "no such folder" not in str(error) and "has no meta/info.json" not in str(error):
                    errors.append(error)
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    writer = subprocess.Popen(
        [sys.executable, "-m", "hil_app.bench.crashes", str(tmp_path / "dataset")],
        stdout=subprocess.PIPE,
    )
    with writer:
        assert writer.stdout is not None
        said = b""
        while said.count(b"E") < 8:
            said += writer.stdout.read(1)
        writer.kill()
    done.set()
    reader.join()
    assert errors == []
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


# datasets of other tools


def foreign(root: Path, *drop: str) -> None:
    """Make a dataset as lerobot would: all episodes in one file, no columns and facts of ours."""
    dataset = Dataset(root)
    table = pa.concat_tables(
        pq.read_table(root / f"data/chunk-000/file-00{n}.parquet") for n in range(3)
    )
    for path in (root / "data/chunk-000").iterdir():
        path.unlink()
    pq.write_table(table.drop_columns(list(drop)), root / "data/chunk-000/file-000.parquet")
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    rows = pq.read_table(path)
    ours = [
        name
        for name in rows.column_names
        if name.startswith("final/") or name in ("stage", "success", "recovered")
    ]
    first = pa.array([0] * len(rows))
    at = rows.column_names.index("data/file_index")
    pq.write_table(rows.set_column(at, "data/file_index", first).drop_columns(ours), path)
    info = dataset.info.content()
    info["features"] = {k: f for k, f in info["features"].items() if k not in drop}
    (root / "meta/info.json").write_text(json.dumps(info))


def test_many_episodes_in_a_file_and_missing_columns(tmp_path: Path) -> None:
    """The defaults of what a dataset lacks."""
    written = write_dataset(tmp_path)
    foreign(
        tmp_path,
        *("next.truncated", "next.success", "policy_action", "sent", "stamp", "after_pause"),
        *("weights_version", "complementary_info.is_intervention", "intervention"),
        *("complementary_info.discrete_penalty", "age.front", "age.wrist"),
    )
    dataset = Dataset(tmp_path)
    assert [(e.stage, e.success, e.recovered) for e in dataset.episodes] == [
        (None, None, False)
    ] * 3
    assert dataset.final(0) is None
    first, second, third = (list(dataset.frames(index)) for index in range(3))
    assert [f.action.tolist() for f in third] == [f.action.tolist() for f in written[2]]
    assert [identified(f.observation[f"{IMAGES}.wrist"])[1:] for f in third] == [
        (2, n) for n in range(4)
    ]
    assert [f.terminated for f in first] == [False] * 5 + [True]
    assert [f.success for f in first] == [False] * 5 + [True]
    # the second's last row has no next state
    assert [f.truncated for f in second] == [False] * 7 + [True]
    frame = second[3]
    assert (frame.is_intervention, frame.weights_version, frame.discrete_penalty) == (True, 0, 0.0)
    same(frame.policy_action, frame.action)
    assert frame.sent.size == 0
    assert frame.reading.stamp == pytest.approx(3 / 30)
    assert (frame.after_pause, frame.reading.ages) == (False, {})


def test_images_that_other_tools_keep_in_the_table(tmp_path: Path) -> None:
    frames = episode(0, 4, cameras=())
    write_dataset(tmp_path, [frames])
    key = f"{IMAGES}.front"
    images = [{"bytes": png(image(0, 0, n)), "path": None} for n in range(4)]
    path = tmp_path / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(path).append_column(key, pa.array(images)), path)
    info = Dataset(tmp_path).info.content()
    info["features"][key] = {"dtype": "image", "shape": [64, 80, 3], "names": None}
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    found = list(Dataset(tmp_path).images(0, "front"))
    for number, each in enumerate(found):
        np.testing.assert_array_equal(each, image(0, 0, number))
    assert len(found) == 4


def png(pixels: np.ndarray) -> bytes:
    import cv2

    encoded: np.ndarray = cv2.imencode(".png", pixels[:, :, ::-1])[1]
    return encoded.tobytes()


# damage: one clear line each


def change_info(root: Path, **changes: object) -> None:
    path = root / "meta/info.json"
    info = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in info.items() if value != "gone"}))


def change_feature(root: Path, key: str, **changes: object) -> None:
    features = json.loads((root / "meta/info.json").read_text())["features"]
    change_info(root, features={**features, key: {**features.get(key, {}), **changes}})


DATA, VIDEO = "data/chunk-000/file-000.parquet", f"videos/{IMAGES}.front/chunk-000/file-000.mp4"
EPISODES_FILE, INFO_FILE = "meta/episodes/chunk-000/file-000.parquet", "meta/info.json"


def cut(root: Path, name: str, share: float = 0.5) -> None:
    whole = (root / name).read_bytes()
    (root / name).write_bytes(whole[: int(len(whole) * share)])


DAMAGES = {
    "no info": (lambda r: (r / INFO_FILE).unlink(), r"is no dataset: it has no meta/info.json"),
    "no folder": (shutil.rmtree, r"is no dataset: there is no such folder"),
    "cut info": (lambda r: cut(r, INFO_FILE), r"info.json is damaged \(.*restore"),
    "list info": (lambda r: (r / INFO_FILE).write_text("[]"), r"no JSON object; restore"),
    "version": (lambda r: change_info(r, codebase_version="v2.1"), r"version v2.1, not v3.0: conv"),
    "no version": (lambda r: change_info(r, codebase_version="gone"), r"version unknown, not v3.0"),
    "no fps": (lambda r: change_info(r, fps="gone"), r"info.json has no 'fps': restore"),
    "bad fps": (lambda r: change_info(r, fps=0), r"info.json is damaged \(fps is 0"),
    "no total": (lambda r: change_info(r, total_frames="gone"), r"has no 'total_frames'"),
    "bad total": (lambda r: change_info(r, total_episodes=-1), r"damaged \(total_episodes is -1\)"),
    "no features": (lambda r: change_info(r, features="gone"), r"has no 'features'"),
    "more episodes": (
        lambda r: change_info(r, total_episodes=4),
        r"lost .* of episode 3 .*restore",
    ),
    "slash": (lambda r: change_feature(r, "a/b", dtype="bool", shape=[1]), r'"a/b" has a / in its'),
    "no shape": (lambda r: change_feature(r, "b", dtype="bool"), r'"b" of .* no dtype and shape'),
    "no episodes": (lambda r: (r / EPISODES_FILE).unlink(), r"lost what is known of episode 0"),
    "cut episodes": (lambda r: cut(r, EPISODES_FILE), r"file-000.parquet is damaged \(.*restore"),
    "empty episodes": (lambda r: cut(r, EPISODES_FILE, 0), r"file-000.parquet is damaged \("),
    "no data": (lambda r: (r / DATA).unlink(), r"file-000.parquet is missing: restore"),
    "cut data": (lambda r: cut(r, DATA), r"file-000.parquet is damaged \(.*restore"),
    "other data": (lambda r: shutil.copy(r / EPISODES_FILE, r / DATA), r"has .*: restore a copy"),
    "undeclared": (
        lambda r: change_feature(r, "sound", dtype="float32", shape=[1]),
        r"has no column sound, which info.json declares: restore",
    ),
    "shape": (
        lambda r: change_feature(r, STATE, shape=[3]),
        r"observation.state holds 2 x float32 a frame, but info.json says 3 x float32",
    ),
    "kind": (
        lambda r: change_feature(r, "stamp", dtype="int64"),
        r"stamp holds 1 x float64 a frame, but info.json says 1 x int64",
    ),
    "no video": (lambda r: (r / VIDEO).unlink(), r"file-000.mp4 is missing: restore"),
    "cut video": (lambda r: cut(r, VIDEO), r"file-000.mp4 is damaged"),
    "short video": (
        lambda r: shutil.copy(str(r / VIDEO).replace("000.mp4", "002.mp4"), r / VIDEO),
        r"file-000.mp4 is cut short: 5 images of 7",
    ),
    "text for a video": (lambda r: (r / VIDEO).write_text("no video"), r"000.mp4 is damaged after"),
    "no video path": (lambda r: change_info(r, video_path=None), r"no video of a camera front"),
    "no action": (
        lambda r: change_info(
            r,
            features={
                k: v
                for k, v in json.loads((r / INFO_FILE).read_text())["features"].items()
                if k != "action"
            },
        ),
        r"has no action in it",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_one_clear_line(tmp_path: Path, name: str) -> None:
    damage, line = DAMAGES[name]
    root = tmp_path / "dataset"
    write_dataset(root)
    damage(root)
    with pytest.raises(DatasetError, match=line) as reported:
        for _ in Dataset(root).frames(0):
            pass
    assert "\n" not in str(reported.value)
    assert str(root) in str(reported.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", [DATA, VIDEO, EPISODES_FILE])
def test_a_file_cut_anywhere_is_an_error(tmp_path: Path, name: str, share: float) -> None:
    write_dataset(tmp_path, [episode(0, 40)])
    cut(tmp_path, name, share)
    with pytest.raises(DatasetError):
        list(Dataset(tmp_path).frames(0))


def test_a_flipped_bit_in_the_numbers_is_an_error(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 40)])
    whole = (tmp_path / DATA).read_bytes()
    group = pq.read_metadata(tmp_path / DATA).row_group(0)
    (stamp,) = (group.column(n) for n in range(group.num_columns) if is_stamp(group.column(n)))
    place = stamp.data_page_offset + stamp.total_compressed_size - 20
    (tmp_path / DATA).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(DatasetError, match=r"file-000.parquet is damaged \("):
        Dataset(tmp_path).columns(0)


def is_stamp(column: Any) -> bool:
    return bool(column.path_in_schema == "stamp")
