"""Events: a line each, from any thread, and a full disk ends the log but not the run."""

import gc
import json
import threading
from pathlib import Path

import pytest

from hil_app.events import EventLog


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_event_is_a_line_of_json_and_is_told_to_the_listeners(tmp_path):
    path, heard = tmp_path / "events.jsonl", []
    with EventLog(path) as log:
        log.listeners.append(heard.append)
        log.emit("episode", ticks=14, success=True)
        assert lines(path) == heard  # on the disk at once
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
    del log
    gc.collect()  # a file left open would warn here
    assert [event["event"] for event in heard] == ["first", "event_log_closed", "second"]
    assert heard[1]["cause"].startswith("cannot write /dev/full: ")
    assert "No space left on device" in heard[1]["cause"]
