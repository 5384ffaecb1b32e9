"""Writing a dataset: what is on the disk, going on with one, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sample_datasets import (
    CAMERAS,
    ENV_STATE,
    IMAGES,
    NAMES,
    STATE,
    episode,
    identified,
    spec,
    write_dataset,
)

from configs.dataset import EncodingConfig
from hil_app.recording import index as dataset_index
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError, place
from hil_app.recording.format.stats import read_stats
from hil_app.recording.mending.damage import damage
from hil_app.recording.mending.repair import repair
from hil_app.recording.writer import DatasetWriter


def info_of(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "meta/info.json").read_text())
    return content


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def refused(root: Path, **changes: Any) -> str:
    """Why a writer for another kind of dataset will not go on."""
    with pytest.raises(DatasetError) as error:
        DatasetWriter(root, spec(**changes))
    assert "\n" not in str(error.value)
    return str(error.value)


# what is on the disk


def test_the_files_are_those_of_the_format(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    numbers = [f"data/chunk-000/file-00{n}.parquet" for n in range(3)]
    videos = [
        f"videos/{IMAGES}.{name}/chunk-000/file-00{n}.mp4" for name in CAMERAS for n in range(3)
    ]
    meta = ["episodes/chunk-000/file-000.parquet", "info.json", "stats.json", "tasks.parquet"]
    assert files(tmp_path) == [*numbers, *(f"meta/{name}" for name in meta), *videos]
    assert not (tmp_path / "recovery").exists()


def test_info_is_as_the_format_has_it(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    info = info_of(tmp_path)
    features = info.pop("features")
    assert info == {
        "codebase_version": "v3.0",
        "robot_type": "sim",
        "total_episodes": 3,
        "total_frames": 19,
        "total_tasks": 1,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": 30,
        "splits": {"train": "0:3"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }
    assert features[STATE] == {"dtype": "float32", "shape": [2], "names": list(NAMES[STATE])}
    assert features["action"]["names"] == ["delta_x", "delta_y", "delta_z", "gripper"]
    assert features["policy_action"] == features["action"]
    assert features["sent"]["names"][0] == "shoulder_pan.pos"
    assert features["sent"]["info"] == {"units": ["deg"] * 5 + ["%"]}
    assert features["next.reward"] == {"dtype": "float32", "shape": [1], "names": None}
    assert {key for key, feature in features.items() if feature["dtype"] == "bool"} == {
        *("next.done", "next.truncated", "next.success", "after_pause", "intervention"),
        "complementary_info.is_intervention",
    }
    assert features[f"{IMAGES}.front"] == {
        "dtype": "video",
        "shape": [64, 80, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": 64,
            "video.width": 80,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": 30,
            "video.channels": 3,
            "has_audio": False,
        },
    }


def test_without_cameras_there_is_no_video_path(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 3, cameras=())])
    assert info_of(tmp_path)["video_path"] is None
    assert Dataset(tmp_path).cameras == ()
    assert not (tmp_path / "videos").exists()


def test_columns_are_scalars_and_lists_of_their_kinds(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    schema = pq.read_schema(tmp_path / "data/chunk-000/file-001.parquet")
    declared = Dataset(tmp_path).features
    assert set(schema.names) == {k for k, f in declared.items() if f.dtype != "video"}
    assert schema.field("next.done").type == pa.bool_()
    assert schema.field("stamp").type == pa.float64()
    assert schema.field("weights_version").type == pa.int64()
    assert schema.field("timestamp").type == pa.float32()
    assert pa.types.is_fixed_size_list(schema.field(STATE).type)
    assert schema.field(STATE).type.value_type == pa.float32()


def test_what_is_known_of_an_episode(tmp_path: Path) -> None:
    write_dataset(tmp_path, stage="train")
    row = pq.read_table(tmp_path / "meta/episodes/chunk-000/file-000.parquet").to_pylist()[1]
    video = f"videos/{IMAGES}.wrist"
    expected = {
        "episode_index": 1,
        "tasks": ["lift the cube"],
        "length": 9,
        "stage": "train",
        "success": False,
        "recovered": False,
        "dataset_from_index": 6,
        "dataset_to_index": 15,
        "data/chunk_index": 0,
        "data/file_index": 1,
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
        f"{video}/chunk_index": 0,
        f"{video}/file_index": 1,
        f"{video}/from_timestamp": 0.0,
        f"{video}/to_timestamp": 9 / 30,
    }
    assert {key: row[key] for key in expected} == expected
    np.testing.assert_array_equal(row[f"final/{ENV_STATE}"], np.array([1, 9, 0.3], np.float32))
    assert row["stats/frame_index/max"] == [8.0]
    assert row["stats/frame_index/count"] == [9]
    assert np.shape(row[f"stats/{IMAGES}.front/mean"]) == (3, 1, 1)


def test_a_tasks_index_is_its_name_for_pandas(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 2)])
    write_dataset(tmp_path, [episode(1, 2)], task="stack two cubes")
    write_dataset(tmp_path, [episode(2, 2)])
    table = pq.read_table(tmp_path / "meta/tasks.parquet")
    about = json.loads(table.schema.metadata[b"pandas"])
    (index,) = about["index_columns"]
    assert table.column(index).to_pylist() == ["lift the cube", "stack two cubes"]
    assert table.column("task_index").to_pylist() == [0, 1]
    dataset = Dataset(tmp_path)
    assert [each.tasks for each in dataset.episodes] == [
        ("lift the cube",),
        ("stack two cubes",),
        ("lift the cube",),
    ]
    assert [dataset.columns(n)["task_index"].tolist() for n in range(3)] == [
        [0] * 2,
        [1] * 2,
        [0] * 2,
    ]
    assert info_of(tmp_path)["total_tasks"] == 2


def test_a_last_frame_that_ends_nothing_is_truncated(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 9)[:5]])
    assert Dataset(tmp_path).columns(0)["next.truncated"].tolist() == [False] * 4 + [True]


def test_more_episodes_than_a_file_tells_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("index", "format.layout", "mending.repair"):
        monkeypatch.setattr(f"hil_app.recording.{module}.GROUP", 3)
    write_dataset(tmp_path, [episode(n, 2, cameras=()) for n in range(4)])
    write_dataset(tmp_path, [episode(n, 2, cameras=()) for n in range(4, 8)])
    assert len(list((tmp_path / "meta/episodes/chunk-000").iterdir())) == 3
    assert [each.index for each in Dataset(tmp_path).episodes] == list(range(8))
    assert not repair(tmp_path).anything
    assert read_stats(tmp_path)["index"]["count"].tolist() == [16]


def test_a_folder_holds_a_thousand_files() -> None:
    assert place(999) == {"chunk_index": 0, "file_index": 999}
    assert place(2001) == {"chunk_index": 2, "file_index": 1}


# going on


def test_going_on_where_an_earlier_writer_ended(tmp_path: Path) -> None:
    first = write_dataset(tmp_path)
    second = write_dataset(tmp_path, [episode(3, 5), episode(4, 2)])
    dataset = Dataset(tmp_path)
    assert [each.length for each in dataset.episodes] == [6, 9, 4, 5, 2]
    assert dataset.columns(4)["index"].tolist() == [24, 25]
    for index, frames in enumerate(first + second):
        numbers = [identified(f.observation[f"{IMAGES}.wrist"]) for f in dataset.frames(index)]
        assert numbers == [(1, index, n) for n in range(len(frames))]
    assert not list(damage(dataset))


def test_statistics_are_of_all_episodes(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    write_dataset(tmp_path, [episode(3, 5)])
    dataset = Dataset(tmp_path)
    stats = read_stats(tmp_path)
    assert set(stats) == set(dataset.features)
    states = np.concatenate([dataset.columns(n)[STATE] for n in range(4)]).astype(float)
    for name, wanted in (
        ("min", states.min(0)),
        ("max", states.max(0)),
        ("mean", states.mean(0)),
        ("std", states.std(0)),
        ("count", [24]),
    ):
        np.testing.assert_allclose(stats[STATE][name], wanted, rtol=1e-9, err_msg=name)
    assert stats["next.reward"]["q50"].shape == (1,)
    assert stats[f"{IMAGES}.front"]["std"].shape == (3, 1, 1)


def test_statistics_that_are_lost_or_behind_are_made_again(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 3)])
    behind = (tmp_path / "meta/stats.json").read_bytes()
    write_dataset(tmp_path, [episode(1, 4), episode(2, 5)])
    whole = read_stats(tmp_path)
    for spoil in (
        lambda path: path.unlink(),
        lambda path: path.write_bytes(behind),
        lambda path: path.write_text("{"),
    ):
        spoil(tmp_path / "meta/stats.json")
        DatasetWriter(tmp_path, spec()).close()
        again = dataset_index.DatasetIndex(tmp_path, Dataset(tmp_path).info)
        for key, found in again.stats.items():
            for name, values in found.items():
                np.testing.assert_allclose(values, whole[key][name], err_msg=f"{key} {name}")


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 3)])
    before = files(tmp_path)
    writer = DatasetWriter(tmp_path, spec())
    writer.discard()
    for frame in episode(1, 4):
        writer.add(frame, "record")
    writer.discard()
    assert files(tmp_path) == before
    for frame in episode(1, 2):
        writer.add(frame, "record")
    writer.finish()
    writer.close()
    assert [each.length for each in Dataset(tmp_path).episodes] == [3, 2]


def test_nothing_recorded_is_an_empty_folder_that_can_be_recorded_into(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "new", spec())
    assert writer.count == 0
    writer.close()
    with pytest.raises(DatasetError, match=r"has no meta/info.json"):
        Dataset(tmp_path / "new")
    write_dataset(tmp_path / "new", [episode(0, 2)])
    assert len(Dataset(tmp_path / "new")) == 2


def test_while_the_first_episode_is_recorded_there_is_none(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path, spec())
    writer.add(episode(0, 2)[0], "record")
    assert list(Dataset(tmp_path).episodes) == []
    writer.close()


def test_keeping_only_the_first_episodes(tmp_path: Path) -> None:
    root, place = tmp_path / "dataset", tmp_path / "aside" / "1"
    write_dataset(root, [episode(n, n + 2) for n in range(5)])
    only = tmp_path / "only"
    write_dataset(only, [episode(n, n + 2) for n in range(2)])
    writer = DatasetWriter(root, spec())
    assert writer.keep(5, place) == 0
    assert not place.exists()
    assert writer.keep(2, place) == 3
    assert writer.count == 2
    assert files(root) == files(only)
    assert info_of(root) == info_of(only)
    assert not list(damage(Dataset(root)))
    moved = [f"data/chunk-000/file-00{n}.parquet" for n in (2, 3, 4)]
    assert [name for name in files(place) if name.startswith("data")] == moved
    assert len([name for name in files(place) if name.startswith("videos")]) == 6
    for frame in episode(2, 7):
        writer.add(frame, "record")
    writer.finish()
    assert writer.keep(0, tmp_path / "aside" / "2") == 3
    assert list(Dataset(root).episodes) == []
    assert files(root) == ["meta/info.json", "meta/stats.json", "meta/tasks.parquet"]
    for frame in episode(0, 3):
        writer.add(frame, "record")
    writer.finish()
    writer.close()
    assert read_stats(root)["index"]["count"].tolist() == [3]
    assert not list(damage(Dataset(root)))


def test_a_crash_while_episodes_are_set_aside_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, place = tmp_path / "dataset", tmp_path / "aside"
    write_dataset(root, [episode(n, 2) for n in range(3)])
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    writer = DatasetWriter(root, spec())

    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hil_app.recording.mending.set_aside.remove_file", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.keep(1, place)
    writer.close()
    assert [each.index for each in Dataset(root).episodes] == [0]
    repair(root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert len(files(place / "data")) == 2
    with closing(DatasetWriter(root, spec())) as writer:
        assert writer.keep(1, tmp_path / "again") == 2
    assert len(files(root / "data")) == 1
    assert pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").num_rows == 1
    assert not repair(root).anything


# what is refused


def test_a_dataset_of_another_kind_is_not_gone_on_with(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    assert "it has 30 frames a second, not 10" in refused(tmp_path, fps=10)
    assert "its robot is sim, not so100; " not in refused(tmp_path, robot_type="so100")
    assert "its robot is sim, not so100. Name a new" in refused(tmp_path, robot_type="so100")
    av1 = EncodingConfig(codec="av1")
    assert "its videos are h264, not av1" in refused(tmp_path, encoding=av1)
    names = {**NAMES, STATE: ("shoulder_pan.pos", "ee.x")}
    line = "its observation.state is (shoulder_pan.pos, gripper.pos), not (shoulder_pan.pos, ee.x)"
    assert line in refused(tmp_path, names=names)
    assert "second, not 10; its robot" in refused(tmp_path, fps=10, robot_type="so100")


def test_frames_of_another_kind_are_refused_at_the_first(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    for frames, line in (
        (episode(3, 2, cameras=("front",)), r"only the dataset have observation.images.wrist"),
        (episode(3, 2, size=(64, 96)), r"video \[64, 80, 3\], not video \[64, 96, 3\]"),
        (
            episode(3, 2, changes={0: {"action": np.zeros(6, np.float32)}}),
            r"names|its action is float32 \[4\], not float32 \[6\]",
        ),
    ):
        writer = DatasetWriter(tmp_path, spec())
        with pytest.raises(DatasetError, match=line):
            writer.add(frames[0], "record")
        writer.close()
    assert len(Dataset(tmp_path).episodes) == 3
    assert not (tmp_path / "recovery").exists()


def test_a_frame_that_is_not_like_the_others_is_refused(tmp_path: Path) -> None:
    good = episode(0, 2)
    wide = episode(0, 2, size=(64, 96))[1].observation
    one_eyed = replace(good[0].reading, ages={"front": 1.0})
    for changes, line in (
        ({"action": np.zeros(4)}, r"action is float64 \[4\] in this frame, but float32 \[4\]"),
        ({"sent": np.zeros(1, np.float32)}, r"sent is float32 \[1\] in this frame"),
        (
            {"observation": {STATE: good[0].observation[STATE]}},
            r"other cameras than the dataset has",
        ),
        (
            {"observation": wide},
            r"observation.images.front is uint8 \[64, 96, 3\] in this frame, but",
        ),
        ({"reading": one_eyed}, r"other numbers than the dataset has: \['age.wrist'\]"),
    ):
        root = tmp_path / line[:5]
        writer = DatasetWriter(root, spec())
        writer.add(good[0], "record")
        with pytest.raises(DatasetError, match=line):
            writer.add(episode(0, 2, changes={1: changes})[1], "record")
        writer.close()


@pytest.mark.parametrize("size", [(64, 81), (65, 80)])
def test_odd_images_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    writer = DatasetWriter(tmp_path, spec())
    line = rf"are {size[1]}x{size[0]}, but video needs even sides: change processor.images"
    with pytest.raises(DatasetError, match=line):
        writer.add(odd(size), "record")
    writer.close()
    assert files(tmp_path) == []
    write_dataset(tmp_path, [episode(0, 2)])


def odd(size: tuple[int, int]) -> Any:
    pixels = np.zeros((*size, 3), np.uint8)
    seen = {STATE: np.zeros(2, np.float32), f"{IMAGES}.front": pixels}
    return episode(
        0, 1, cameras=("front",), changes={0: {"observation": seen, "next_observation": seen}}
    )[0]


def test_names_must_fit_and_hold_no_slash(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path, spec(names={STATE: ("one",)}))
    with pytest.raises(DatasetError, match=r"state has 2 numbers a frame, but 1 names"):
        writer.add(episode(0, 1)[0], "record")
    writer.close()
    writer = DatasetWriter(tmp_path, spec())
    with pytest.raises(DatasetError, match=r"a/b"):
        writer.add(episode(0, 1, cameras=("a/b",))[0], "record")
    writer.close()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "is no dataset, but has notes.txt in it: name a new folder" in refused(tmp_path)


def test_a_dataset_that_keeps_episodes_together_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    path = tmp_path / "meta/episodes/chunk-000/file-000.parquet"
    rows = pq.read_table(path)
    at = rows.column_names.index("data/file_index")
    pq.write_table(rows.set_column(at, "data/file_index", pa.array([0, 0, 0])), path)
    assert "was recorded or changed by another tool" in refused(tmp_path)


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 2)])
    writer = DatasetWriter(tmp_path, spec())
    assert "is being written by another process" in refused(tmp_path)
    with pytest.raises(DatasetError, match="being written"):
        repair(tmp_path)
    script = "import sys; from pathlib import Path\n"
    script += "from hil_app.recording.mending.repair import repair\n"
    script += "repair(Path(sys.argv[1]))"
    other = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert "is being written by another process" in other.stderr
    assert len(Dataset(tmp_path)) == 2
    writer.close()
    assert not repair(tmp_path).anything


def test_a_folder_that_may_not_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", denied)
    assert "cannot be written (Permission denied)" in refused(tmp_path / "new")
