"""The recorder: whole episodes, none lost, nobody waits for it; and whole files."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import written
from waiting import PATIENCE_S, until

from configs.text.writing import write_whole
from hil_app.recording import recorder as recording
from hil_app.recording.frames import Frame
from hil_app.recording.recorder import Recorder, RecorderDied
from hil_app.support import files
from hil_app.support.events import Event, EventLog
from robots.base import Reading

STATE, CAMERA = "observation.state", "observation.images.front"


def features(number: int) -> dict[str, Any]:
    return {
        STATE: np.array([number, number + 0.5], np.float32),
        CAMERA: np.full((2, 3, 3), number % 256, np.uint8),
    }


def reading(number: int) -> Reading:
    return Reading(
        joints=np.float32([number, 6, 7, 8, 9, 10]),
        stamp=1e6 + number / 1000,
        ages={"front": number / 2000, "wrist": number / 3000},
    )


def frame(number: int, **facts: Any) -> Frame:
    """A frame whose every value tells its column and its number apart."""
    usual: dict[str, Any] = {
        "tick": number,
        "observation": features(number),
        "action": np.float32([number, 0, 0, 1]),
        "policy_action": np.float32([-number, 0, 0, 2]),
        "sent": np.float32([number, 1, 2, 3, 4, 5]),
        "next_observation": features(number + 1),
        "reward": 100.0 + number,
        "discrete_penalty": -0.5 * number,
        "success": False,
        "terminated": False,
        "truncated": False,
        "is_intervention": number % 2 == 0,
        "rerecord": False,
        "weights_version": 1000 + number,
        "reading": reading(number),
        "next_reading": reading(number + 1),
        "seed": 7,
    }
    return Frame(**{**usual, **facts})


def episode(first: int, ticks: int = 3, **end: Any) -> list[Frame]:
    end = end or {"terminated": True, "success": True}
    return [*[frame(first + i) for i in range(ticks - 1)], frame(first + ticks - 1, **end)]


class Memory:
    """A writer that keeps episodes in memory and refuses the frame with the ``refused`` tick.

    Without ``may_write`` being set it waits with every frame.
    """

    def __init__(self, refused: int | None = None, count: int = 0) -> None:
        self.episodes: list[tuple[list[Frame], str]] = []
        self.open_episode: list[Frame] = []
        self.stages: set[str] = set()
        self.count, self.closed = count, False
        self.may_write = threading.Event()
        self.may_write.set()
        self._refused = refused

    def add(self, frame: Frame, stage: str) -> None:
        assert self.may_write.wait(PATIENCE_S)
        if frame.tick == self._refused:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.open_episode.append(frame)
        self.stages.add(stage)

    def finish(self) -> None:
        (stage,) = self.stages  # one for all of its frames
        self.episodes.append((self.open_episode, stage))
        self.count += 1
        self.discard()

    def discard(self) -> None:
        self.open_episode, self.stages = [], set()

    def close(self) -> None:
        assert not self.open_episode or self._refused is not None
        self.closed = True


class Stuck(Memory):
    """One that is closed amid an episode."""

    def close(self) -> None:
        self.closed = True


def firsts(writer: Memory) -> list[tuple[int, int, str]]:
    """(first tick, length, stage) of each episode."""
    return [(frames[0].tick, len(frames), stage) for frames, stage in writer.episodes]


def recorder_of(
    writer: Memory, heard: list[dict[str, Any]] | None = None, **options: Any
) -> Recorder:
    events = EventLog()
    if heard is not None:
        events.listeners.append(lambda event: heard.append(written(event)))
    return Recorder(lambda: writer, events, **options)


def record(recorder: Recorder, frames: list[Frame], stage: str = "train") -> None:
    for each in frames:
        recorder.add(each, stage)


def run(writer: Memory, *episodes: list[Frame], error: Exception | None = None) -> list[Event]:
    """A run that records these episodes and then ends, perhaps by an error; returns its events."""
    heard = list[Event]()
    with suppress(ZeroDivisionError), recorder_of(writer, heard) as recorder:
        for frames in episodes:
            record(recorder, frames)
        if error is not None:
            raise error
    assert writer.closed
    return heard


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)


# the recorder


def test_whole_episodes_are_written_in_order_with_their_stage() -> None:
    writer = Memory()
    with recorder_of(writer) as recorder:
        record(recorder, episode(1, 3), "demonstrate")
        record(recorder, episode(20, 5, truncated=True), "train")
        record(recorder, episode(40, 1), "train")
    assert firsts(writer) == [(1, 3, "demonstrate"), (20, 5, "train"), (40, 1, "train")]
    kept = [frame for frames, _ in writer.episodes for frame in frames]
    assert [frame.tick for frame in kept] == [1, 2, 3, *range(20, 25), 40]


def test_the_writer_is_opened_only_on_entering_and_its_episodes_count() -> None:
    opened: list[Memory] = []

    def open_writer() -> Memory:
        opened.append(Memory(count=7))
        return opened[0]

    recorder = Recorder(open_writer, EventLog())
    assert not opened
    with recorder:
        assert recorder.count == 7
        recorder.wait(7)
        record(recorder, episode(10))
        assert recorder.count == 8
        recorder.wait(8)
        assert opened[0].count == 8


def test_a_rerecorded_episode_is_thrown_away_whole() -> None:
    writer = Memory()
    with recorder_of(writer) as recorder:
        record(recorder, episode(1))
        record(recorder, episode(20, truncated=True, rerecord=True))
        record(recorder, episode(40))
        assert recorder.count == 2
    assert firsts(writer) == [(1, 3, "train"), (40, 3, "train")]


@pytest.mark.parametrize("ticks", [1, 2, 5])
def test_an_episode_that_an_error_cuts_short_is_kept_and_marked(ticks: int) -> None:
    writer, cut = Memory(), [frame(20 + number) for number in range(ticks)]
    heard = run(writer, episode(1), cut, error=ZeroDivisionError())
    assert firsts(writer)[1][:2] == (20, ticks)
    kept = writer.episodes[1][0]
    assert [each.truncated for each in kept] == [False] * (ticks - 1) + [True]
    assert not any(each.terminated for each in kept)
    assert [event["event"] for event in heard] == ["episode_interrupted"]
    assert heard[0]["ticks"] == 20 + ticks - 1


def test_a_full_disk_ends_the_run_with_one_line_and_keeps_what_was_there() -> None:
    writer, heard = Memory(refused=21), list[Event]()
    with suppress(RecorderDied), recorder_of(writer, heard) as recorder:
        record(recorder, [*episode(1), frame(20), frame(21), frame(22)])
        until(lambda: recorder._error)
        with pytest.raises(RecorderDied) as died:
            recorder.add(frame(23), "train")
    message = str(died.value)
    assert "No space left on device" in message
    assert "\n" not in message
    assert isinstance(died.value.__cause__, OSError)
    assert firsts(writer) == [(1, 3, "train")]
    assert [event["event"] for event in heard] == ["recorder_died", "recorder_ended"]
    assert heard[1]["cause"] == "3 of 5 frames are on the disk, in whole episodes"
    assert (recorder.count, recorder.safe) == (1, 1)
    assert writer.closed


@pytest.mark.parametrize("kind", [BrokenPipeError, SystemExit, KeyboardInterrupt, BaseException])
def test_who_listens_cannot_end_the_recording(kind: type[BaseException]) -> None:
    """What is raised in the recorder's thread by others is none of its affairs."""
    writer = Memory()

    def gone(_: Event) -> None:
        raise kind

    events = EventLog()
    events.listeners.append(gone)
    with suppress(kind), Recorder(lambda: writer, events, max_waiting=6) as recorder:
        writer.may_write.clear()
        for frame_ in episode(1, 6):
            recorder.add(frame_, "train")
        recorder.after(partial(events.emit, "episode"))
        writer.may_write.set()
        until(lambda: recorder.safe == 1)
        record(recorder, episode(10))
    assert firsts(writer)[0] == (1, 6, "train")


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, MemoryError])
def test_whatever_ends_the_writer_ends_the_run(kind: type[BaseException]) -> None:
    class Dying(Memory):
        def finish(self) -> None:
            if self.episodes:
                raise kind
            super().finish()

    writer, heard = Dying(), list[Event]()
    with suppress(RecorderDied), recorder_of(writer, heard) as recorder:
        record(recorder, episode(1))
        record(recorder, episode(11, 4))
    with pytest.raises(RecorderDied, match=kind.__name__):
        recorder.check()
    assert (recorder.count, recorder.safe) == (2, 1)
    assert heard[-1]["cause"] == "3 of 7 frames are on the disk, in whole episodes"


def test_what_comes_after_an_episode_waits_until_that_is_safe() -> None:
    writer, done = Memory(), list[int]()
    with recorder_of(writer) as recorder:
        writer.may_write.clear()
        record(recorder, episode(1))
        recorder.after(lambda: done.append(writer.count))
        record(recorder, episode(11, rerecord=True, truncated=True))
        recorder.after(lambda: done.append(-1))
        recorder.add(frame(21), "train")
        recorder.after(lambda: done.append(-2))  # its episode has no end yet
        assert done == []
        writer.may_write.set()
        until(lambda: len(done) == 2)
        time.sleep(0.01)
        assert done == [1, -1]
    assert done == [1, -1, -2]
    recorder.after(lambda: done.append(-3))
    assert done == [1, -1, -2, -3]


def test_nothing_comes_after_an_episode_that_could_not_be_kept() -> None:
    writer, done = Memory(refused=12), list[int]()
    with suppress(RecorderDied), recorder_of(writer) as recorder:
        for first in (1, 11, 21):
            record(recorder, episode(first))
            recorder.after(partial(done.append, first))
    assert done == [1]


def test_a_disk_that_refuses_to_close_is_reported_at_the_end() -> None:
    class Stubborn(Memory):
        def close(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RecorderDied, match="No space left"):
        run(Stubborn(), episode(1))


def test_waiting_for_an_episode_ends_when_it_is_safe_or_can_no_longer_be() -> None:
    writer = Memory(refused=41)
    with suppress(RecorderDied), recorder_of(writer) as recorder:
        writer.may_write.clear()
        record(recorder, episode(1))
        assert not writer.episodes
        threading.Timer(0.05, writer.may_write.set).start()
        recorder.wait(1)
        assert len(writer.episodes) == 1
        record(recorder, episode(20, truncated=True, rerecord=True))  # thrown away: not counted
        assert recorder.count == 1
        record(recorder, episode(40))
        recorder.wait(2)
        with pytest.raises(RecorderDied):
            recorder.check()
    recorder.wait(3)


def test_a_disk_that_refuses_the_last_frame_is_reported_at_the_end() -> None:
    writer = Memory(refused=20)
    with pytest.raises(RecorderDied, match="No space left"):
        run(writer, episode(1), episode(20, ticks=1))
    assert firsts(writer) == [(1, 3, "train")]


def test_after_a_refusal_nothing_more_is_written() -> None:
    """A hole in the middle would go unnoticed."""
    writer = Memory(refused=10)
    with pytest.raises(RecorderDied):
        run(writer, *[episode(10 * number, ticks=1) for number in range(1, 20)])
    assert writer.episodes == []


def test_a_dead_recorder_does_not_hide_the_error_that_ends_the_run() -> None:
    with pytest.raises(KeyError, match="the real cause"):
        run(Memory(refused=1), episode(1), error=KeyError("the real cause"))


# back-pressure


def test_adding_a_frame_does_not_wait_and_what_waits_is_reported() -> None:
    writer = Memory()
    with recorder_of(writer) as recorder:
        assert (recorder.waiting, recorder.behind) == (0, 0.0)
        writer.may_write.clear()
        record(recorder, episode(1, 5))  # returns, although nothing can be written
        until(lambda: recorder.waiting == 4)  # and one in hand
        time.sleep(0.02)
        assert recorder.behind > 0.02
        writer.may_write.set()
        until(lambda: recorder.waiting == 0 and recorder.behind == 0.0)
        assert 4 <= recorder.most_waiting <= 5
        assert recorder.furthest_behind > 0.02
    assert firsts(writer) == [(1, 5, "train")]


def test_a_recorder_that_falls_behind_says_so_once_and_says_when_it_has_caught_up() -> None:
    writer, heard = Memory(), list[Event]()
    with recorder_of(writer, heard, max_waiting=20) as recorder:
        for first in (100, 200):
            writer.may_write.clear()
            record(recorder, episode(first, 15))
            writer.may_write.set()
            recorder.wait(recorder.count)
            until(lambda: not recorder.waiting)
    said = [event["event"] for event in heard]
    assert said == ["recorder_behind", "recorder_caught_up"] * 2
    assert "of at most 20 frames wait for encoder and disk" in heard[0]["cause"]
    assert "processor.images.resize" in heard[0]["cause"]
    assert recorder.count == 2


def test_an_operator_need_not_wait_for_a_disk_that_stays_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "LONG", 0.05)
    heard, writer = list[Event](), Stuck()
    recorder = recorder_of(writer, heard)

    def interrupt() -> None:
        until(lambda: heard)
        os.kill(os.getpid(), signal.SIGINT)

    operator = threading.Thread(target=interrupt)
    recorder.__enter__()
    record(recorder, episode(1))
    until(lambda: recorder.safe == 1)
    writer.may_write.clear()
    record(recorder, [*episode(4), *episode(7)])
    operator.start()
    with pytest.raises(KeyboardInterrupt):
        recorder.__exit__(None)
    operator.join(20)
    assert [event["event"] for event in heard] == ["recorder_finishes", "recorder_ended"]
    assert heard[0]["note"].startswith("6 frames are not yet safe on the disk; Ctrl-C")
    assert heard[1]["cause"].startswith(
        "3 of 9 frames are on the disk, in whole episodes; `hil-app"
    )
    assert recorder.missing == 6
    writer.may_write.set()
    until(lambda: writer.closed)
    assert firsts(writer) == [(1, 3, "train")]
    assert [each.tick for each in writer.open_episode] == [4]


def test_too_many_waiting_frames_end_the_run_and_all_are_kept() -> None:
    writer = Memory()
    with suppress(RecorderDied), recorder_of(writer, max_waiting=6) as recorder:
        writer.may_write.clear()
        threading.Timer(0.5, writer.may_write.set).start()
        with pytest.raises(RecorderDied, match=r"more than dataset\.max_waiting, 6") as died:
            record(recorder, [frame(number) for number in range(1, 100)])
        assert "They are still written" in str(died.value)
        assert not writer.episodes
        raise died.value  # as the loop does
    (kept,) = (frames for frames, _ in writer.episodes)
    assert [each.tick for each in kept] == list(range(1, len(kept) + 1))
    assert len(kept) in (8, 9)  # 7 waited, perhaps one in hand, one held back
    assert kept[-1].truncated


def test_a_patient_recorder_has_the_loop_wait() -> None:
    writer, heard = Memory(), list[Event]()
    with recorder_of(writer, heard, max_waiting=3, patient=True) as recorder:
        writer.may_write.clear()
        threading.Timer(0.1, writer.may_write.set).start()
        start = time.monotonic()
        record(recorder, episode(1, 50))
        assert time.monotonic() - start > 0.09
        assert recorder.most_waiting <= 5
    assert firsts(writer) == [(1, 50, "train")]
    assert heard == []


def test_a_patient_recorder_does_not_wait_for_a_dead_disk() -> None:
    writer = Memory(refused=1)
    with (
        pytest.raises(RecorderDied, match="No space left"),
        recorder_of(writer, max_waiting=1, patient=True) as recorder,
    ):
        record(recorder, [frame(number) for number in range(1, 10_000)])


def test_a_patient_recorder_does_not_wait_for_an_encoder_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "STUCK", 0.2)
    writer = Memory()
    with suppress(RecorderDied), recorder_of(writer, max_waiting=1, patient=True) as recorder:
        writer.may_write.clear()
        with pytest.raises(RecorderDied, match=r"not taken one frame .*codec=h264") as died:
            record(recorder, episode(1, 50))
        writer.may_write.set()  # it does not, after all
        raise died.value  # as the loop does
    (kept,) = (frames for frames, _ in writer.episodes)
    assert [each.tick for each in kept] == list(range(1, len(kept) + 1))
    assert kept[-1].truncated


def test_a_runs_end_does_not_wait_for_an_encoder_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "STUCK", 0.2)
    monkeypatch.setattr(recording, "LONG", 0.05)
    writer, heard = Stuck(), list[dict[str, Any]]()
    recorder = recorder_of(writer, heard)
    recorder.__enter__()
    writer.may_write.clear()
    record(recorder, episode(1, 5))
    with pytest.raises(RecorderDied, match=r"not taken one frame .* wait; .*codec=h264"):
        recorder.__exit__(None)
    assert [event["event"] for event in heard] == ["recorder_finishes", "recorder_ended"]
    assert heard[1]["cause"].startswith("0 of 5 frames are on the disk, in whole episodes; `hil-ap")
    writer.may_write.set()
    until(lambda: writer.closed)


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
