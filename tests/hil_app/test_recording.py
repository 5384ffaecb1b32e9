"""Frames on disk: whole episodes, column by column, or a clear end."""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from hil_app import files
from hil_app.events import Event, EventLog
from hil_app.files import write_whole
from hil_app.recording.frames import Frame
from hil_app.recording.recorder import Recorder, RecorderDied
from hil_app.recording.writer import FolderWriter, columns

STATE, CAMERA = "observation.state", "observation.images.front"


def features(number: int) -> dict[str, Any]:
    return {
        STATE: np.array([number, number + 0.5], np.float32),
        CAMERA: np.full((2, 3, 3), number, np.uint8),
    }


def frame(number: int, **facts: Any) -> Frame:
    """A frame whose every value tells its column and its number apart."""
    usual: dict[str, Any] = {
        "tick": number,
        "state": features(number),
        "action": np.float32([number, 0, 0, 1]),
        "policy_action": np.float32([-number, 0, 0, 2]),
        "sent": np.float32([number, 1, 2, 3, 4, 5]),
        "next_state": features(number + 1),
        "reward": 100.0 + number,
        "discrete_penalty": -0.5 * number,
        "success": False,
        "terminated": False,
        "truncated": False,
        "is_intervention": number % 2 == 0,
        "rerecord": False,
        "weights_version": 1000 + number,
        "stamp": 1e6 + number / 1000,
        "ages": {"front": number / 2000, "wrist": number / 3000},
    }
    return Frame(**{**usual, **facts})


def episode(first: int, ticks: int = 3, **end: Any) -> list[Frame]:
    end = end or {"terminated": True, "success": True}
    return [*[frame(first + i) for i in range(ticks - 1)], frame(first + ticks - 1, **end)]


class Memory:
    """A writer that keeps episodes in memory and refuses the ``refused``-th one, from 0."""

    def __init__(self, refused: int | None = None) -> None:
        self.episodes: list[tuple[list[Frame], str]] = []
        self._refused, self._count = refused, 0

    def write(self, frames: Sequence[Frame], stage: str) -> None:
        self._count += 1
        if self._count - 1 == self._refused:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.episodes.append((list(frames), stage))


def firsts(writer: Memory) -> list[tuple[int, int, str]]:
    """(first tick, length, stage) of each episode."""
    return [(frames[0].tick, len(frames), stage) for frames, stage in writer.episodes]


def record(recorder: Recorder, frames: list[Frame], stage: str = "train") -> None:
    for each in frames:
        recorder.add(each, stage)


def run(writer: Any, *episodes: list[Frame], error: Exception | None = None) -> list[Event]:
    """A run that records these episodes and then ends, perhaps by an error; returns its events."""
    heard, events = list[Event](), EventLog()
    events.listeners.append(heard.append)
    with suppress(ZeroDivisionError), Recorder(writer, events) as recorder:
        for frames in episodes:
            record(recorder, frames)
        if error is not None:
            raise error
    return heard


def wait_until_dead(recorder: Recorder) -> None:
    deadline = time.monotonic() + 10
    while recorder._error is None and time.monotonic() < deadline:
        time.sleep(0.005)


# the file


def test_every_column_comes_back_from_the_file(tmp_path: Path) -> None:
    with Recorder(FolderWriter(tmp_path / "episodes"), EventLog()) as recorder:
        record(recorder, episode(7), "demonstrate")
    path = tmp_path / "episodes" / "episode_000000.safetensors"
    expected = {
        STATE: np.float32([[7, 7.5], [8, 8.5], [9, 9.5]]),
        CAMERA: np.stack([np.full((2, 3, 3), n, np.uint8) for n in (7, 8, 9)]),
        f"final.{STATE}": np.float32([10, 10.5]),
        f"final.{CAMERA}": np.full((2, 3, 3), 10, np.uint8),
        "action": np.float32([[7, 0, 0, 1], [8, 0, 0, 1], [9, 0, 0, 1]]),
        "policy_action": np.float32([[-7, 0, 0, 2], [-8, 0, 0, 2], [-9, 0, 0, 2]]),
        "sent": np.float32([[n, 1, 2, 3, 4, 5] for n in (7, 8, 9)]),
        "next.reward": np.float32([107, 108, 109]),
        "next.success": np.array([False, False, True]),
        "next.done": np.array([False, False, True]),
        "next.truncated": np.array([False, False, False]),
        "complementary_info.is_intervention": np.array([False, True, False]),
        "complementary_info.discrete_penalty": np.float32([-3.5, -4, -4.5]),
        "weights_version": np.array([1007, 1008, 1009], np.int64),
        "stamp": np.array([1e6 + 0.007, 1e6 + 0.008, 1e6 + 0.009]),
        "age.front": np.array([7, 8, 9]) / 2000,
        "age.wrist": np.array([7, 8, 9]) / 3000,
    }
    found = load_file(path)
    assert set(found) == set(expected)
    for key, values in expected.items():
        assert (found[key].dtype, found[key].shape) == (values.dtype, values.shape), key
        np.testing.assert_array_equal(found[key], values, err_msg=key)
    with safe_open(path, "numpy") as file:
        assert file.metadata() == {"stage": "demonstrate", "success": "true"}


def test_done_and_truncated_are_told_apart() -> None:
    """Trap 13: a time limit is no end of the task."""
    cut = columns(episode(1, truncated=True))
    assert cut["next.truncated"].tolist() == [False, False, True]
    assert cut["next.done"].tolist() == [False, False, False]


def test_pictures_that_are_views_are_written_as_they_look(tmp_path: Path) -> None:
    """A crop is a view into a bigger picture; its bytes do not lie side by side."""
    big = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    view = {CAMERA: big[1:3, 1:4]}
    FolderWriter(tmp_path).write([frame(1, state=view, next_state=view, terminated=True)], "train")
    found = load_file(tmp_path / "episode_000000.safetensors")
    np.testing.assert_array_equal(found[CAMERA][0], big[1:3, 1:4])
    np.testing.assert_array_equal(found[f"final.{CAMERA}"], big[1:3, 1:4])


def test_episodes_are_numbered_in_order(tmp_path: Path) -> None:
    with Recorder(FolderWriter(tmp_path), EventLog()) as recorder:
        for number in (10, 20, 30):
            record(recorder, episode(number))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"episode_00000{n}.safetensors" for n in range(3)]
    assert [float(load_file(tmp_path / name)["action"][0, 0]) for name in names] == [10, 20, 30]


def test_numbering_goes_on_where_an_earlier_run_ended(tmp_path: Path) -> None:
    with Recorder(FolderWriter(tmp_path, first=7), EventLog(), recorded=7) as recorder:
        record(recorder, episode(10))
        assert recorder.count == 8
        recorder.wait(8)
        assert [path.name for path in tmp_path.iterdir()] == ["episode_000007.safetensors"]


# the recorder


def test_whole_episodes_are_written_with_their_stage() -> None:
    writer = Memory()
    with Recorder(writer, EventLog()) as recorder:
        record(recorder, episode(1, 3), "demonstrate")
        record(recorder, episode(20, 5, truncated=True), "train")
        record(recorder, episode(40, 1), "train")
    assert firsts(writer) == [(1, 3, "demonstrate"), (20, 5, "train"), (40, 1, "train")]


def test_a_rerecorded_episode_is_thrown_away_whole() -> None:
    writer = Memory()
    with Recorder(writer, EventLog()) as recorder:
        record(recorder, episode(1))
        record(recorder, episode(20, truncated=True, rerecord=True))
        record(recorder, episode(40))
    assert firsts(writer) == [(1, 3, "train"), (40, 3, "train")]


def test_an_episode_that_an_error_cuts_short_is_kept_and_marked() -> None:
    writer = Memory()
    heard = run(writer, episode(1), [frame(20), frame(21)], error=ZeroDivisionError())
    assert firsts(writer)[1][:2] == (20, 2)
    kept = writer.episodes[1][0]
    assert [each.truncated for each in kept] == [False, True]
    assert not any(each.terminated for each in kept)
    assert [event["event"] for event in heard] == ["episode_interrupted"]


def test_a_full_disk_ends_the_run_with_one_line_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, events = list[Event](), EventLog()
    events.listeners.append(heard.append)
    with Recorder(FolderWriter(tmp_path), events) as recorder:
        record(recorder, episode(1))
        while not list(tmp_path.glob("*.safetensors")):
            time.sleep(0.005)
        fill_the_disk(monkeypatch)
        record(recorder, episode(20))
        wait_until_dead(recorder)
        with pytest.raises(RecorderDied) as died:
            recorder.add(frame(40), "train")
        monkeypatch.undo()
        error, recorder._error = recorder._error, None  # as if the block had ended with it
    assert "No space left on device" in str(died.value)
    assert "\n" not in str(died.value)
    assert died.value.__cause__ is error
    assert [path.name for path in tmp_path.iterdir()] == ["episode_000000.safetensors"]
    assert load_file(tmp_path / "episode_000000.safetensors")["action"][0, 0] == 1
    assert [event["event"] for event in heard] == ["recorder_died"]


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)


def test_waiting_for_an_episode_ends_when_it_is_safe_or_can_no_longer_be() -> None:
    class Slow(Memory):
        def write(self, frames: Sequence[Frame], stage: str) -> None:
            time.sleep(0.2)
            super().write(frames, stage)

    writer = Slow(refused=1)
    with suppress(RecorderDied), Recorder(writer, EventLog()) as recorder:
        record(recorder, episode(1))
        recorder.wait(1)
        assert len(writer.episodes) == 1
        record(recorder, episode(20, truncated=True, rerecord=True))  # thrown away: not counted
        assert recorder.count == 1
        record(recorder, episode(40))
        recorder.wait(2)
        with pytest.raises(RecorderDied):
            recorder.check()
    recorder.wait(3)


def test_a_disk_that_refuses_the_last_episode_is_told_at_the_end() -> None:
    writer = Memory(refused=1)
    with pytest.raises(RecorderDied, match="No space left"):
        run(writer, episode(1), episode(20, ticks=1))
    assert firsts(writer) == [(1, 3, "train")]


def test_after_a_refusal_nothing_more_is_written() -> None:
    """A hole in the middle would go unnoticed."""
    writer = Memory(refused=0)
    with pytest.raises(RecorderDied):
        run(writer, *[episode(10 * number, ticks=1) for number in range(20)])
    assert writer.episodes == []


def test_a_dead_recorder_does_not_hide_the_error_that_ends_the_run() -> None:
    with pytest.raises(KeyError, match="the real cause"):
        run(Memory(refused=0), episode(1), error=KeyError("the real cause"))


def test_adding_a_frame_does_not_wait_for_the_disk() -> None:
    class Slow(Memory):
        def write(self, frames: Sequence[Frame], stage: str) -> None:
            time.sleep(0.3)
            super().write(frames, stage)

    writer = Slow()
    with Recorder(writer, EventLog()) as recorder:
        start = time.monotonic()
        record(recorder, episode(1))
        record(recorder, episode(20))
        assert time.monotonic() - start < 0.25
    assert len(writer.episodes) == 2  # and leaving waits until all is safe


# whole files


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"first")
    fill_the_disk(monkeypatch)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"second")
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "other", b"third")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"first"
    monkeypatch.undo()
    write_whole(path, b"fourth")
    assert path.read_bytes() == b"fourth"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old and whole")
    seen = []
    monkeypatch.setattr(files.os, "fsync", lambda _number: seen.append(path.read_bytes()))
    write_whole(path, b"new")
    assert seen == [b"old and whole", b"new"]  # the name is synced once the content has been
    assert path.read_bytes() == b"new"
