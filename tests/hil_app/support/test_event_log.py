"""Events: a line each, from any thread, and a full disk ends the log but not the run."""

import gc
import json
import os
import threading
import time
from pathlib import Path

import pytest
from reported import written
from waiting import until

from configs.events import Event, Problem
from hil_app.support.events import EventLog


class Tick(Event):
    number: int
    filler: str = ""


class First(Event):
    pass


class Second(Event):
    pass


class Broken(Problem, name="broke"):
    place: Path | None = None


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def untimed(path):
    return [{k: v for k, v in line.items() if k != "time"} for line in lines(path)]


def test_every_event_is_a_line_of_json_and_is_reported_to_the_listeners(tmp_path):
    path, heard = tmp_path / "events.jsonl", []
    with EventLog(path) as log:
        log.listeners.append(lambda event: heard.append(written(event)))
        log.emit(Tick(number=14, filler="x"))
        until(lambda: untimed(path) == heard)  # on the disk at once, but nobody waits for it
        log.emit(Broken(cause='a "quoted"\nsecond line'))
    assert heard == [
        {"event": "tick", "number": 14, "filler": "x"},
        {"event": "broke", "cause": 'a "quoted"\nsecond line'},
    ]
    assert untimed(path) == heard
    assert all(line["time"] > 1e9 for line in lines(path))


def test_a_log_goes_on_where_it_ended_and_is_silent_once_closed(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.emit(First())
    log.emit(Tick(number=0))
    with log:
        log.emit(Second())
    assert [event["event"] for event in lines(path)] == ["first", "second"]


def test_without_a_file_listeners_still_hear():
    heard = []
    with EventLog() as log:
        log.listeners.append(lambda event: heard.append(written(event)))
        log.emit(Tick(number=3))
    assert [(event["event"], event["number"]) for event in heard] == [("tick", 3)]


def test_threads_may_emit_at_once(tmp_path):
    path, heard, threads, events = tmp_path / "events.jsonl", [], 4, 300
    filler = "x" * 200
    with EventLog(path) as log:
        log.listeners.append(lambda event: heard.append(written(event)))

        def emit(who):
            for number in range(events):
                log.emit(Tick(number=number, filler=f"{who} {filler}"))

        workers = [threading.Thread(target=emit, args=[who]) for who in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    kept = lines(path)
    assert len(heard) == len(kept) == threads * events
    for who in range(threads):
        mine = [line["number"] for line in kept if line["filler"].startswith(f"{who} ")]
        assert mine == list(range(events))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_closes_the_log_with_a_cause_and_the_run_goes_on():
    heard = []
    with EventLog(Path("/dev/full")) as log:
        log.listeners.append(lambda event: heard.append(written(event)))
        log.emit(First())
        log.emit(Second())
    gc.collect()  # a file left open would warn here
    assert log.missing == 3
    assert [event["event"] for event in heard if "cause" not in event] == ["first", "second"]
    (closed,) = (event for event in heard if "cause" in event)
    assert closed["event"] == "event_log_closed"
    assert closed["cause"].startswith("cannot write /dev/full: ")
    assert "No space left on device" in closed["cause"]


def test_whoever_emits_waits_for_no_disk(tmp_path):
    """A pipe that nobody reads stands for a disk that takes nothing."""
    path, filler = tmp_path / "events.jsonl", "x" * 100_000  # more than a pipe holds
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with EventLog(path) as log:
        for number in range(50):
            log.emit(Tick(number=number, filler=filler))
        time.sleep(0.1)
        os.set_blocking(reader, True)
        with os.fdopen(reader) as stream:
            read = [json.loads(stream.readline())["number"] for _ in range(50)]
    assert read == list(range(50))
    assert log.missing == 0


def test_a_disk_that_hangs_holds_nobody_up_for_ever_and_what_is_missing_is_counted(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("hil_app.support.events._PATIENCE", 0.2)
    path, heard = tmp_path / "events.jsonl", []
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with EventLog(path) as log:
        log.listeners.append(lambda event: heard.append(written(event)))
        for number in range(50):
            log.emit(Tick(number=number, filler="x" * 100_000))
    assert len(heard) == 50
    assert log.missing >= 49
    os.close(reader)  # frees the thread
    until(lambda: all(thread.name != "events" for thread in threading.enumerate()))


def test_a_listener_that_fails_is_reported_of_once_and_disturbs_nobody(tmp_path):
    path, heard = tmp_path / "events.jsonl", []

    def fails(_):
        raise BrokenPipeError(32, "Broken pipe")

    with EventLog(path) as log:
        log.listeners += [fails, lambda event: heard.append(written(event))]
        for number in range(3):
            log.emit(Tick(number=number))
    reported = [event["event"] for event in heard]
    assert sorted(reported) == ["listener_failed", "tick", "tick", "tick"]
    assert [event["event"] for event in lines(path)].count("tick") == 3
    (failed,) = (event for event in heard if event["event"] == "listener_failed")
    assert failed["cause"] == "BrokenPipeError: [Errno 32] Broken pipe"


def test_facts_that_are_no_json_are_kept_as_text(tmp_path):
    with EventLog(tmp_path / "events.jsonl") as log:
        log.emit(Broken(cause="", place=Path("/somewhere")))
    assert lines(tmp_path / "events.jsonl")[0]["place"] == "/somewhere"
