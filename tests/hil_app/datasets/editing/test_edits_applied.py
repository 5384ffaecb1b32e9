"""An edited dataset: what is kept is bit for bit what it was, and all that counts it agrees."""

from __future__ import annotations

import json
import shutil
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import recorded
from sample_datasets import episode, identified, spec, write_dataset

from hil_app.datasets.editing.change import edit_in_place, purge, save_as, undo
from hil_app.datasets.editing.edits import Delete, Edit, Mark, Restore, Trim, parse_edit
from hil_app.datasets.editing.edits import edit_as_json as as_json
from hil_app.datasets.editing.history import History
from hil_app.datasets.overview import overview
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError, Info
from hil_app.recording.format.stats import merged_all, read_stats
from hil_app.recording.format.tables import episode_files, read_table, stats_of
from hil_app.recording.lock import Lock
from hil_app.recording.mending.damage import damage
from hil_app.recording.mending.repair import repair
from hil_app.recording.writer import DatasetWriter

LENGTHS = (20, 3, 12, 1)
SUCCESSES = (True, False, True, False)
OUTCOME = ("next.reward", "next.done", "next.truncated", "next.success")
PLACES = ("timestamp", "frame_index", "episode_index", "index")
CAMERA = ("front",)
Episode = dict[str, Any]


def write(root: Path) -> None:
    write_dataset(
        root,
        [
            episode(n, length, success=success, cameras=CAMERA)
            for n, (length, success) in enumerate(zip(LENGTHS, SUCCESSES, strict=True))
        ],
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that no test changes."""
    root = tmp_path_factory.mktemp("original") / "data"
    write(root)
    return root


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "data")
    return tmp_path / "data"


def contents(root: Path) -> list[Episode]:
    return recorded(root, root)


def everything(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def is_whole(root: Path) -> None:
    """Every reader of ours takes it, nothing is to repair, and all that counts it agrees."""
    dataset = Dataset(root)
    assert not list(damage(dataset))
    before = everything(root)
    assert not repair(root).anything
    assert everything(root) == before
    assert not overview(root).faults
    lengths = [about.length for about in dataset.episodes]
    info = Info.read(root)
    assert (info.episodes, info.frames) == (len(lengths), sum(lengths))
    starts = [0, *accumulate(lengths)]
    stats: dict[str, Any] = {}
    for number, row in enumerate(rows(root)):
        assert (row["dataset_from_index"], row["dataset_to_index"]) == tuple(
            starts[number : number + 2]
        )
        columns = dataset.columns(number)
        assert (columns["episode_index"] == number).all()
        assert (columns["index"] == starts[number] + np.arange(lengths[number])).all()
        found = stats_of(row)
        assert set(found) == set(dataset.features)
        for key, values in columns.items():
            np.testing.assert_array_equal(
                found[key]["max"].ravel()[0:1],
                values.reshape(len(values), -1).astype(float).max(axis=0)[0:1],
            )
            assert found[key]["count"].tolist() == [lengths[number]]
        for key in dataset.info.cameras.values():
            assert found[key]["count"].tolist() == [lengths[number]]
            start, end = (row[f"videos/{key}/{end}_timestamp"] for end in ("from", "to"))
            assert abs((end - start) * dataset.fps - lengths[number]) < 1e-6
        assert row["success"] == bool(columns["next.success"].any())
        stats = merged_all(stats, found) if number else found
    for key, one in read_stats(root).items():
        for name, value in one.items():
            np.testing.assert_allclose(value, stats[key][name], rtol=1e-12)


def rows(root: Path) -> list[dict[str, Any]]:
    found = [row for path in episode_files(root) for row in read_table(path).to_pylist()]
    return sorted(found, key=lambda row: row["episode_index"])


def same_frames(now: Episode, before: Episode, first: int, end: int, but: tuple[str, ...]) -> None:
    """The frames are bit for bit those from ``first`` to ``end`` - 1, images and last ones too."""
    for key, values in now.items():
        if key in (*PLACES, *but):
            continue
        if key.startswith("final."):
            row = key.removeprefix("final.")
            last = before[key] if end == len(before["action"]) else before[row][end]
            np.testing.assert_array_equal(values, last)
        elif key.startswith("observation.images."):
            np.testing.assert_array_equal(values, before[key][first : end + 1])
        else:
            assert values.dtype == before[key].dtype
            np.testing.assert_array_equal(values, before[key][first:end])


# one operation


def test_what_is_deleted_is_gone_and_the_others_close_up(root: Path) -> None:
    before = contents(root)
    edit_in_place(root, (Delete(episode=0), Delete(episode=2)))
    now = contents(root)
    for found, was, length in zip(now, (before[1], before[3]), (3, 1), strict=True):
        same_frames(found, was, 0, length, ())
    is_whole(root)


@pytest.mark.parametrize(("first", "last"), [(0, 8), (7, 19), (16, 18), (5, 5), (0, 19)])
def test_what_is_kept_of_a_trimmed_episode_is_bit_for_bit_what_it_was(
    root: Path, first: int, last: int
) -> None:
    before = contents(root)[0]
    edit_in_place(root, (Trim(episode=0, first=first, last=last),))
    now = contents(root)[0]
    same_frames(now, before, first, last + 1, OUTCOME)
    fps = Dataset(root).fps
    np.testing.assert_array_equal(
        now["timestamp"], (np.arange(last + 1 - first) / fps).astype(np.float32)
    )
    is_whole(root)


def test_a_trimmed_video_is_cut_where_decoding_can_begin(root: Path) -> None:
    video = root / "videos/observation.images.front/chunk-000/file-000.mp4"
    size = video.stat().st_size
    edit_in_place(root, (Trim(episode=0, first=17, last=18),))
    assert video.stat().st_size < size / 2  # 2 images, and those from the last key image on
    [row, *_] = rows(root)
    assert row["videos/observation.images.front/from_timestamp"] == pytest.approx(2 / 30)
    seen = [identified(image)[2] for image in Dataset(root).images(0, "front")]
    assert seen == [17, 18, 19]


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_both_codecs_are_cut(tmp_path: Path, codec: str) -> None:
    root = tmp_path / "data"
    write_dataset(root, [episode(0, 22, cameras=CAMERA)], codec=codec)
    before = contents(root)[0]
    edit_in_place(root, (Trim(episode=0, first=18, last=20),))
    same_frames(contents(root)[0], before, 18, 21, OUTCOME)


def outcome(root: Path, episode: int) -> dict[str, list[float]]:
    columns = Dataset(root).columns(episode)
    return {key.partition(".")[2]: columns[key].astype(float).tolist() for key in OUTCOME}


ZEROS = [0.0, 0.0, 0.0]


def test_a_success_that_is_marked_is_what_an_operators_press_would_have_been(root: Path) -> None:
    edit_in_place(root, (Mark(episode=1, success=True),))
    assert outcome(root, 1) == {
        "reward": [0.0, 0.0, 1.0],
        "done": [0.0, 0.0, 1.0],
        "truncated": ZEROS,
        "success": [0.0, 0.0, 1.0],
    }
    assert [about.success for about in Dataset(root).episodes] == [True, True, True, False]
    is_whole(root)


def test_a_failure_that_is_marked_is_final_and_has_no_reward(root: Path) -> None:
    edit_in_place(root, (Mark(episode=0, success=False), Mark(episode=1, success=False)))
    for number, length in ((0, 20), (1, 3)):
        last = [0.0] * (length - 1) + [1.0]
        nothing = [0.0] * length
        assert outcome(root, number) == {
            "reward": nothing,
            "done": last,
            "truncated": nothing,
            "success": nothing,
        }
    assert [about.success for about in Dataset(root).episodes] == [False, False, True, False]


def test_an_episode_whose_end_is_cut_off_is_cut_short_and_no_success(root: Path) -> None:
    edit_in_place(root, (Trim(episode=0, first=0, last=2),))
    assert outcome(root, 0) == {
        "reward": ZEROS,
        "done": ZEROS,
        "truncated": [0.0, 0.0, 1.0],
        "success": ZEROS,
    }
    assert Dataset(root).episodes[0].success is False


def test_an_end_that_is_cut_off_and_marked_is_a_success_there(root: Path) -> None:
    edit_in_place(root, (Mark(episode=0, success=True), Trim(episode=0, first=1, last=3)))
    assert outcome(root, 0)["success"] == outcome(root, 0)["done"] == [0.0, 0.0, 1.0]
    assert outcome(root, 0)["reward"] == [0.0, 0.0, 1.0]
    assert Dataset(root).episodes[0].success is True


def test_a_begin_that_is_cut_off_leaves_the_success(root: Path) -> None:
    edit_in_place(root, (Trim(episode=0, first=17, last=19),))
    assert outcome(root, 0)["success"] == [0.0, 0.0, 1.0]
    assert Dataset(root).episodes[0].success is True


def test_rewards_of_an_environment_stay(tmp_path: Path) -> None:
    root = tmp_path / "data"
    changes: dict[int, dict[str, Any]] = {n: {"reward": -1.0} for n in range(3)}
    write_dataset(root, [episode(0, 3, success=False, cameras=(), changes=changes)])
    edit_in_place(root, (Mark(episode=0, success=True),))
    assert outcome(root, 0)["reward"] == [-1.0, -1.0, -1.0]
    assert outcome(root, 0)["success"] == [0.0, 0.0, 1.0]


def test_what_succeeded_already_stays_as_it_is_when_it_is_marked(root: Path) -> None:
    before = contents(root)[0]
    edit_in_place(root, (Mark(episode=0, success=True),))
    same_frames(contents(root)[0], before, 0, 20, ())


# restore, undo, purge, a new one


def test_a_deleted_episode_comes_back_behind_the_others(root: Path) -> None:
    before = contents(root)
    edit_in_place(root, (Delete(episode=0), Mark(episode=2, success=False)))
    edit_in_place(root, (Delete(episode=0),))
    assert [(edit, about.index) for edit, about in History(root).restorable()] == [(1, 0), (2, 0)]
    edit_in_place(root, (Restore(edit=1, episode=0),))
    now = contents(root)
    assert [len(one["action"]) for one in now] == [12, 1, 20]
    same_frames(now[2], before[0], 0, 20, ())
    assert [(edit, about.index) for edit, about in History(root).restorable()] == [(2, 0)]
    with pytest.raises(DatasetError, match="cannot be restored; what can is 2:0"):
        edit_in_place(root, (Restore(edit=1, episode=0),))
    is_whole(root)


def test_undo_keeps_what_was_recorded_since(root: Path) -> None:
    before = contents(root)
    edit_in_place(root, (Delete(episode=1), Trim(episode=0, first=3, last=9)))
    writer = DatasetWriter(root, spec(task="another task"))
    for frame in episode(9, 5, cameras=CAMERA):
        writer.add(frame, "record")
    writer.finish()
    writer.close()
    new = contents(root)[-1]
    undo(root)
    now = contents(root)
    assert len(now) == 5
    for found, was in zip(now, before, strict=False):
        same_frames(found, was, 0, len(was["action"]), ())
    same_frames(now[-1], new, 0, 5, ("task_index",))
    assert Dataset(root).episodes[-1].tasks == ("another task",)
    assert not root.with_name("data.undo").exists()
    is_whole(root)


def test_recording_goes_on_in_an_edited_dataset(root: Path) -> None:
    edit_in_place(root, (Delete(episode=0), Trim(episode=2, first=2, last=6)))
    writer = DatasetWriter(root, spec())
    assert not writer.repaired.anything
    for frame in episode(7, 4, cameras=CAMERA):
        writer.add(frame, "record")
    writer.finish()
    writer.close()
    assert [about.length for about in Dataset(root).episodes] == [3, 5, 1, 4]
    is_whole(root)


def test_what_is_purged_cannot_come_back(root: Path) -> None:
    edit_in_place(root, (Delete(episode=0),))
    now = everything(root / "data")
    purge(root)
    assert not root.with_name("data.undo").exists()
    assert everything(root / "data") == now
    assert History(root).restorable() == []
    with pytest.raises(DatasetError, match="nothing to undo"):
        undo(root)


def test_a_new_dataset_leaves_the_old_one_alone(root: Path) -> None:
    before = everything(root)
    edit: Edit = (Delete(episode=0), Trim(episode=2, first=4, last=11))
    new = root.with_name("new")
    save_as(root, edit, new)
    assert everything(root) == before
    is_whole(new)
    assert not {path.stat().st_ino for path in new.rglob("*") if path.is_file()} & {
        path.stat().st_ino for path in root.rglob("*") if path.is_file()
    }
    edit_in_place(root, edit)
    changed = everything(root)
    del changed["meta/edits.json"]
    assert everything(new) == changed


def test_videos_that_stay_take_no_more_room(root: Path) -> None:
    edit_in_place(root, (Delete(episode=1),))
    one, other = (
        folder / "videos/observation.images.front/chunk-000/file-000.mp4"
        for folder in (root, History(root).place(1))
    )
    assert one.stat().st_ino == other.stat().st_ino


def test_other_files_of_the_folder_come_along(root: Path) -> None:
    (root / "README.md").write_text("mine")
    edit_in_place(root, (Delete(episode=1),))
    assert (root / "README.md").read_text() == "mine"


# what is refused


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ((), "without operations"),
        ((Delete(episode=4),), "has no episode 4: it has 4 episodes"),
        ((Delete(episode=1), Delete(episode=1)), "contradict"),
        ((Delete(episode=1), Mark(episode=1, success=True)), "contradict"),
        ((Mark(episode=1, success=False), Mark(episode=1, success=True)), "contradict"),
        ((Trim(episode=1, first=0, last=3),), "has the frames 0 to 2"),
        ((Trim(episode=1, first=2, last=1),), "cannot be kept"),
        (tuple(Delete(episode=n) for n in range(4)), "leave no episode"),
        ((Restore(edit=1, episode=0),), "cannot be restored; what can is none"),
    ],
)
def test_an_edit_that_does_not_fit_changes_nothing(original: Path, edit: Edit, said: str) -> None:
    before = everything(original)
    with pytest.raises(DatasetError, match=said) as error:
        edit_in_place(original, edit)
    assert "\n" not in str(error.value)
    assert everything(original) == before
    assert not original.with_name("data.undo").exists()


def test_a_dataset_that_is_being_written_is_refused(original: Path) -> None:
    with Lock(original), pytest.raises(DatasetError, match="being written by another process"):
        edit_in_place(original, (Delete(episode=0),))


def test_an_episode_that_a_crash_left_is_to_be_repaired_first(root: Path) -> None:
    writer = DatasetWriter(root, spec())
    for frame in episode(7, 4, cameras=CAMERA):
        writer.add(frame, "record")
    writer.close()
    with pytest.raises(DatasetError, match="hil-app dataset repair"):
        edit_in_place(root, (Delete(episode=0),))
    repair(root)
    edit_in_place(root, (Delete(episode=0),))
    assert [about.length for about in Dataset(root).episodes] == [3, 12, 1, 3]


def test_whoever_reads_a_dataset_hears_that_it_was_edited(root: Path) -> None:
    reader = Dataset(root)
    edit_in_place(root, (Delete(episode=0),))
    for read in (lambda: reader.columns(1), lambda: next(reader.images(1, "front"))):
        with pytest.raises(DatasetError, match="edited meanwhile: open it again"):
            read()


# as data


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '[{"do": "burn", "episode": 1}]',
        '[{"do": "delete", "episode": -1}]',
        '[{"do": "delete", "episode": "1"}]',
        '[{"do": "delete", "episode": true}]',
        '[{"do": "mark", "episode": 1}]',
        '[{"do": "trim", "episode": 1, "first": 0, "last": 1e9}]',
        '[{"do": "delete", "episode": 1, "more": 1}]',
    ],
)
def test_what_is_no_edit_is_refused_in_a_line(content: str) -> None:
    with pytest.raises(DatasetError, match="this is no edit") as error:
        parse_edit(content)
    assert "\n" not in str(error.value)


def operations() -> st.SearchStrategy[Any]:
    number = st.integers(0, 5)
    return st.one_of(
        st.builds(Delete, episode=number),
        st.builds(Mark, episode=number, success=st.booleans()),
        st.builds(Trim, episode=number, first=st.integers(0, 9), last=st.integers(0, 19)),
        st.builds(Restore, episode=number, edit=st.integers(1, 2)),
    )


@given(st.lists(operations(), max_size=6))
def test_an_edit_is_the_same_after_json(edit: list[Any]) -> None:
    assert parse_edit(as_json(tuple(edit))) == tuple(edit)
    assert isinstance(json.loads(as_json(tuple(edit))), list)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.lists(operations(), min_size=1, max_size=4), min_size=1, max_size=3))
def test_any_edits_and_as_many_undos_are_nothing(original: Path, edits: list[list[Any]]) -> None:
    with TemporaryDirectory() as folder:
        root, done = Path(folder) / "data", 0
        shutil.copytree(original, root)
        before = everything(root)
        for edit in edits:
            try:
                edit_in_place(root, tuple(edit))
                done += 1
            except DatasetError:
                continue
            assert not list(damage(Dataset(root)))
        for _ in range(done):
            undo(root)
        assert everything(root) == before
        assert [path.name for path in Path(folder).iterdir()] == ["data"]
