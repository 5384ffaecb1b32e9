"""Events: a line each, from any thread, and a full disk ends the log but not the run."""

import gc
import json
import os
import threading
import time
from pathlib import Path

import pytest
from waiting import until

from hil_app.support.events import EventLog


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_event_is_a_line_of_json_and_is_told_to_the_listeners(tmp_path):
    path, heard = tmp_path / "events.jsonl", []
    with EventLog(path) as log:
        log.listeners.append(heard.append)
        log.emit("episode", ticks=14, success=True)
        until(lambda: lines(path) == heard)  # on the disk at once, but nobody waits for it
        log.emit("stopped", cause='a "quoted"\nsecond line')
    assert [(e["event"], e.get("ticks"), e.get("success")) for e in heard] == [
        ("episode", 14, True),
        ("stopped", None, None),
    ]
    assert lines(path) == heard
    assert all(event["time"] > 1e9 for event in heard)


def test_a_log_goes_on_where_it_ended_and_is_silent_once_closed(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.emit("first")
    log.emit("between")
    with log:
        log.emit("second")
    assert [event["event"] for event in lines(path)] == ["first", "second"]


def test_without_a_file_listeners_still_hear():
    heard = []
    with EventLog() as log:
        log.listeners.append(heard.append)
        log.emit("tick", number=3)
    assert [(event["event"], event["number"]) for event in heard] == [("tick", 3)]


def test_threads_may_emit_at_once(tmp_path):
    path, heard, threads, events = tmp_path / "events.jsonl", [], 4, 300
    filler = "x" * 200
    with EventLog(path) as log:
        log.listeners.append(heard.append)

        def emit(who):
            for number in range(events):
                log.emit("hammer", who=who, number=number, filler=filler)

        workers = [threading.Thread(target=emit, args=[who]) for who in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    written = lines(path)
    assert len(heard) == len(written) == threads * events
    for who in range(threads):
        assert [e["number"] for e in written if e["who"] == who] == list(range(events))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_closes_the_log_with_a_cause_and_the_run_goes_on():
    heard = []
    with EventLog(Path("/dev/full")) as log:
        log.listeners.append(heard.append)
        log.emit("first")
        log.emit("second")
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
            log.emit("tick", number=number, filler=filler)
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
        log.listeners.append(heard.append)
        for number in range(50):
            log.emit("tick", number=number, filler="x" * 100_000)
    assert len(heard) == 50
    assert log.missing >= 49
    os.close(reader)  # frees the thread
    until(lambda: all(thread.name != "events" for thread in threading.enumerate()))


def test_a_listener_that_fails_is_told_of_once_and_disturbs_nobody(tmp_path):
    path, heard = tmp_path / "events.jsonl", []

    def fails(_):
        raise BrokenPipeError(32, "Broken pipe")

    with EventLog(path) as log:
        log.listeners += [fails, heard.append]
        for number in range(3):
            log.emit("tick", number=number)
    told = [event["event"] for event in heard]
    assert sorted(told) == ["listener_failed", "tick", "tick", "tick"]
    assert [event["event"] for event in lines(path)].count("tick") == 3
    (failed,) = (event for event in heard if event["event"] == "listener_failed")
    assert failed["cause"] == "BrokenPipeError: [Errno 32] Broken pipe"


def test_facts_that_are_no_json_are_kept_as_text(tmp_path):
    with EventLog(tmp_path / "events.jsonl") as log:
        log.emit("odd", place=Path("/somewhere"))
    assert lines(tmp_path / "events.jsonl")[0]["place"] == "/somewhere"
