"""Crashes: wherever it is cut off, finished episodes stay and the one under way comes back."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from failing_disk import FailingDisk
from sample_datasets import IMAGES, STATE, episode, identified, spec, write_dataset

from configs.dataset import EncodingConfig
from configs.text.writing import draft_of
from hil_app.bench.crashes import Crashes, crashes
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import JOURNAL, DatasetError, Info, video_file
from hil_app.recording.format.spec import DatasetSpec
from hil_app.recording.frames import Frame
from hil_app.recording.journal import PACKET, ROW, Records
from hil_app.recording.mending.damage import damage
from hil_app.recording.mending.recovery import read_journal
from hil_app.recording.mending.repair import Repaired, repair
from hil_app.recording.writer import DatasetWriter

CAMERA = ("front",)
POWER_CUT = 9  # the exit status of a process that it ends


def short(index: int, length: int) -> list[Frame]:
    return episode(index, length, cameras=CAMERA)


def written(tmp_path: Path) -> Path:
    """A dataset of two finished episodes."""
    root = tmp_path / "dataset"
    write_dataset(root, [short(0, 3), short(1, 4)])
    return root


def record(root: Path, ends: Callable[[DatasetWriter], None], length: int = 5) -> None:
    """A third episode that ``ends`` somehow."""
    writer = DatasetWriter(root, spec())
    try:
        for frame in short(2, length):
            writer.add(frame, "record")
        ends(writer)
    finally:
        writer.close()


def leave(_: DatasetWriter) -> None:
    """End as a killed process does: without a word."""


def contents(root: Path) -> list[list[tuple[float, int, bool]]]:
    """Every frame of every episode: the number it tells, that of its image, whether truncated."""
    dataset = Dataset(root)
    return [
        [
            (
                float(f.observation[STATE][1]),
                identified(f.observation[f"{IMAGES}.front"])[2],
                f.truncated,
            )
            for f in dataset.frames(each.index)
        ]
        for each in dataset.episodes
    ]


def expected(length: int, cut: bool = False) -> list[tuple[float, int, bool]]:
    return [(pytest.approx(n + 0.1, abs=1e-5), n, cut and n == length - 1) for n in range(length)]


FINISHED = [expected(3), expected(4)]


def digest(root: Path) -> dict[str, str]:
    """All files of a folder, by what is in them."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def repaired_twice(root: Path) -> Repaired:
    """Repair, and see that a second time changes nothing."""
    found = repair(root)
    before = digest(root)
    assert not repair(root).anything
    assert digest(root) == before
    assert not list(damage(Dataset(root)))
    return found


# the power goes at any step


def cut_off(root: Path, last: int) -> bool:
    """Record a third episode in a process whose power goes at the ``last``-th disk operation.

    Returns False if it came to its end before. What was not synced is lost.
    """
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(last, lambda: lose_unsynced(root, disk))
            disk.watch(patch)
            record(root, DatasetWriter.finish, 2)
        os._exit(0)
    return (
        None if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 else FailingDisk(0, leave)
    )


def lose_unsynced(root: Path, disk: FailingDisk) -> None:
    """What never reached the disk is gone; names are not."""
    for path in root.rglob("*"):
        facts = path.stat()
        new = facts.st_mtime_ns > (root / "born").stat().st_mtime_ns
        if path.is_file() and new and path.name != "born":
            os.truncate(path, min(facts.st_size, disk.synced.get(facts.st_ino, 0)))
    os._exit(POWER_CUT)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_no_power_cut_at_any_step_loses_a_finished_episode(tmp_path: Path, every: int) -> None:
    base = written(tmp_path)
    outcomes = []
    for last in range(1, 1000, every):
        root = tmp_path / "cut"
        shutil.copytree(base, root)
        (root / "born").touch()
        if not cut_off(root, last):
            break
        (root / "born").unlink()
        found = contents(root)
        assert found[:2] == FINISHED, last
        repaired_twice(root)
        found = contents(root)
        assert found[:2] == FINISHED, last
        assert len(found) <= 3
        outcomes.append(len(found[2]) if len(found) == 3 else 0)
        shutil.rmtree(root)
    assert outcomes == sorted(outcomes), "a later cut never leaves less"
    assert outcomes[0] == 0
    assert outcomes[-1] == 2
    assert len(outcomes) > 40 // every


def test_every_changed_folder_is_synced_before_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk(10**6, pytest.fail)
    disk.watch(monkeypatch)
    record(written(tmp_path), DatasetWriter.finish)
    changes = [(name, what) for name, what in disk.log if name != "write"]
    renames = 0
    for (name, what), (following, synced) in pairwise(changes):
        if name in ("replace", "rename"):
            renames += 1
            assert (following, synced) == ("fsync", str(Path(what[-1]).parent))
            drafts = [w for n, w in changes[: changes.index((name, what))] if n == "fsync"]
            assert str(what[0]) in drafts
    assert renames > 10


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_full_disk_at_any_step_is_one_line_and_loses_nothing(tmp_path: Path, every: int) -> None:
    base = written(tmp_path)
    outcomes = []
    for last in range(1, 1000, every):
        root = tmp_path / "full"
        shutil.copytree(base, root)
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(last, full)
            disk.watch(patch)
            error = refusal(root)
        if error is None:
            break
        assert "No space left on device" in error
        assert "\n" not in error
        assert contents(root)[:2] == FINISHED, last
        repaired_twice(root)
        found = contents(root)
        assert found[:2] == FINISHED, last
        outcomes.append(len(found[2]) if len(found) == 3 else 0)
        shutil.rmtree(root)
    assert outcomes[0] == 0
    assert outcomes[-1] == 2
    assert outcomes == sorted(outcomes)


def refusal(root: Path) -> str | None:
    """What a recording died of, if it did."""
    try:
        record(root, DatasetWriter.finish, 2)
    except DatasetError as error:
        return str(error)
    return None


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


# the journal


def test_a_journal_cut_at_any_byte_holds_what_came_before(tmp_path: Path) -> None:
    root = written(tmp_path)
    record(root, leave)
    whole, info = (root / JOURNAL).read_bytes(), Info.read(root)
    with Records(root / JOURNAL) as records:
        ends = [(record.end, record.kind) for record in records]
    assert ends[-1][0] == len(whole)
    cut = tmp_path / "cut"
    for size in range(len(whole) + 1):
        cut.write_bytes(whole[:size])
        kept = [kind for end, kind in ends if end <= size]
        found = read_journal(cut, info)
        assert (found.head is not None) == bool(kept)
        assert [*found.rows] == [*range(kept.count(ROW))]
        assert [len(packets) for packets in found.packets] == [kept.count(PACKET)]
        assert found.damaged == 0


def test_one_bad_byte_costs_only_the_record_that_it_is_in(tmp_path: Path) -> None:
    root = written(tmp_path)
    record(root, leave)
    whole, info = bytearray((root / JOURNAL).read_bytes()), Info.read(root)
    sound = read_journal(root / JOURNAL, info)
    with Records(root / JOURNAL) as records:
        places = {record.place: record for record in records}
    for place in range(0, len(whole), 7):
        hit = places[max(start for start in places if start <= place)]
        torn = whole.copy()
        torn[place] ^= 0x55
        (root / JOURNAL).write_bytes(torn)
        found = read_journal(root / JOURNAL, info)
        assert (found.head is None) == (hit.kind == b"H")
        assert len(found.rows) == len(sound.rows) - (hit.kind == ROW)
        assert len(found.packets[0]) == len(sound.packets[0]) - (hit.kind == PACKET)
        assert found.rows.items() <= sound.rows.items()
        assert found.damaged == hit.end - hit.place or hit.end == len(whole)
    (root / JOURNAL).write_bytes(bytes(whole) + bytes(4096))  # as some file systems leave it
    found = read_journal(root / JOURNAL, info)
    assert (found.rows, found.damaged) == (sound.rows, 0)


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_repair_brings_back_all_frames_that_have_numbers_and_images(
    tmp_path: Path, codec: str
) -> None:
    """The last one's image shows what came of the one before."""
    root = tmp_path / "dataset"
    write_dataset(root, [short(0, 3), short(1, 4)], codec=codec)
    writer = DatasetWriter(root, write_spec(codec))
    for frame in short(2, 9):
        writer.add(frame, "train")
    writer.close()
    found = repaired_twice(root)
    assert (found.episode, found.frames, found.whole) == (2, 8, False)
    assert contents(root) == [*FINISHED, expected(8, cut=True)]
    back = Dataset(root).episodes[2]
    assert (back.recovered, back.stage, back.success) == (True, "train", False)
    stats = Info.read(root)
    assert (stats.episodes, stats.frames) == (3, 15)
    *_, last = Dataset(root).frames(2)
    assert last.next_observation[STATE][1] == pytest.approx(8.1)
    assert identified(last.next_observation[f"{IMAGES}.front"])[2] == 8


def write_spec(codec: str) -> DatasetSpec:
    return spec(encoding=EncodingConfig.model_validate({"codec": codec}))


def test_an_episode_that_was_finished_but_does_not_count_yet_comes_back_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = written(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Info, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            record(root, DatasetWriter.finish)
    assert contents(root) == FINISHED
    found = repaired_twice(root)
    assert (found.episode, found.frames, found.whole) == (2, 5, True)
    assert contents(root) == [*FINISHED, expected(5)]
    back = Dataset(root).episodes[2]
    assert (back.recovered, back.success) == (False, True)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_writer_repairs_before_it_goes_on(tmp_path: Path) -> None:
    root = written(tmp_path)
    record(root, leave)
    writer = DatasetWriter(root, spec())
    assert (writer.repaired.episode, writer.repaired.frames, writer.count) == (2, 4, 3)
    for frame in short(3, 2):
        writer.add(frame, "record")
    writer.finish()
    writer.close()
    assert contents(root) == [*FINISHED, expected(4, cut=True), expected(2)]


def test_a_frame_before_a_pause_is_no_recovered_episodes_last(tmp_path: Path) -> None:
    """The image behind it shows the world after the pause."""
    root = written(tmp_path)
    writer = DatasetWriter(root, spec())
    for frame in episode(2, 5, cameras=CAMERA, changes={4: {"after_pause": True}}):
        writer.add(frame, "record")
    writer.close()
    assert repair(root).frames == 3


def test_a_journal_of_an_episode_that_counts_is_only_removed(tmp_path: Path) -> None:
    root = written(tmp_path)
    record(root, leave)
    journal = (root / JOURNAL).read_bytes()
    repair(root)
    before = digest(root)
    (root / JOURNAL).parent.mkdir()
    (root / JOURNAL).write_bytes(journal)
    assert not repair(root).anything
    assert digest(root) == before


def test_files_that_no_episode_needs_are_set_aside(tmp_path: Path) -> None:
    root = written(tmp_path)
    video = video_file(root, f"{IMAGES}.front", 1)
    stranger = root / "data/chunk-000/file-000.parquet.part"
    stranger.write_bytes(b"left over")
    before = digest(root)
    draft_of(root / "data/chunk-000/file-002.parquet").write_bytes(b"half of it")
    for path in (
        root / "data/chunk-000/file-002.parquet",
        root / "meta/episodes/chunk-000/file-001.parquet",
        video.with_name("file-007.mp4"),
    ):
        path.write_bytes(b"left over")
    found = repair(root)
    assert len(found.set_aside) == 3
    assert found.place == root / "set_aside/1"
    note = (found.place / "note.txt").read_text()
    for name in found.set_aside:
        assert (found.place / name).read_bytes() == b"left over"
        assert f"{name}: no episode that counts needs it" in note
    after = digest(root)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 4
    assert stranger.read_bytes() == b"left over"
    assert not repair(root).anything


# an encoder


def test_an_encoder_that_dies_is_one_line_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = written(tmp_path)
    encode, calls = av.VideoFrame.from_ndarray, []

    def dying(*args: Any, **more: Any) -> Any:
        calls.append(args)
        if len(calls) == 4:
            raise av.error.ExternalError(542398533, "Generic error in an external library")
        return encode(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(av.VideoFrame, "from_ndarray", dying)
        with pytest.raises(DatasetError, match=r"encoder of observation.images.front died") as died:
            record(root, DatasetWriter.finish)
    assert "\n" not in str(died.value)
    assert contents(root) == FINISHED
    assert repaired_twice(root).frames == 2
    assert contents(root) == [*FINISHED, expected(2, cut=True)]


def test_after_an_error_a_writer_writes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = written(tmp_path)
    writer = DatasetWriter(root, spec())
    frames = short(2, 3)
    writer.add(frames[0], "record")
    with monkeypatch.context() as patch:
        patch.setattr("hil_app.recording.journal.Journal.add", lambda *_: full())
        with pytest.raises(DatasetError):
            writer.add(frames[1], "record")
    for call in (lambda: writer.add(frames[2], "record"), writer.finish, writer.discard):
        with pytest.raises(DatasetError, match="No space left"):
            call()
    writer.close()


# kill -9


def test_no_kill_loses_a_finished_episode(tmp_path: Path) -> None:
    seen: list[int] = []
    found = crashes(tmp_path / "dataset", 4, 1, lambda so_far: seen.append(so_far.kills))
    assert found.good, found
    assert seen == list(range(1, 5))
    assert found.acknowledged > 0
    assert found.cut > 0
    assert found.most_lost <= 2


def test_what_is_wrong_is_reported() -> None:
    assert Crashes().good
    assert not Crashes(lost=1).good
    assert not Crashes(half_read=1).good
    assert not Crashes(wrong=["an image"]).good


# damage that no repair undoes


def test_damage_is_found_without_decoding(tmp_path: Path) -> None:
    root = written(tmp_path)
    assert not list(damage(Dataset(root)))
    video = video_file(root, f"{IMAGES}.front", 1)
    video.write_bytes(video.read_bytes()[:-200])
    (root / "data/chunk-000/file-000.parquet").unlink()
    first, second = damage(Dataset(root))
    assert first.startswith("episode 0: ")
    assert "is missing" in first
    assert second.startswith("episode 1: ")
    assert "file-001.mp4" in second
