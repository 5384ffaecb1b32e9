"""A run's folder, events and signals: what every command opens before its loop."""

import json
import os
import signal

import pytest
from sample_runs import a_loop, an_episode, tiny
from waiting import until

from configs.load import ConfigError, read, validate
from hil_app.events import Compiled
from hil_app.runs.folder import CONFIG, EVENTS
from hil_app.runs.session import Session


def events(session):
    return [json.loads(line) for line in (session.folder / EVENTS).read_text().splitlines()]


def test_the_folder_has_the_config_and_the_events_of_the_run(tmp_path):
    config = tiny(tmp_path / "deep" / "run", seed=7)
    with Session(config, "train") as session:
        assert session.folder == tmp_path / "deep" / "run"
        session.events.emit(Compiled(seconds=3))
    saved = validate(read(str(session.folder / CONFIG)))
    assert saved == config.model_copy(update={"output_dir": None})
    reported = [{k: v for k, v in event.items() if k != "time"} for event in events(session)]
    assert reported == [
        {"event": "run_started", "robot": "so101_sim", "seed": 7},
        {"event": "compiled", "seconds": 3},
        {"event": "run_ended", "error": None},
    ]


def test_the_end_of_a_run_tells_its_error(tmp_path):
    session = Session(tiny(tmp_path / "run"), "train")
    with pytest.raises(ValueError, match="the arm fell"), session:
        raise ValueError("the arm fell")
    assert events(session)[-1]["error"] == "the arm fell"


def test_without_an_output_dir_the_folder_is_named_by_time_and_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Session(validate({}), "eval") as session:
        assert session.folder.parent.name == "runs"
        assert session.folder.name.endswith("_eval")
        assert (tmp_path / "runs" / session.folder.name / CONFIG).is_file()


def enter(folder):
    with Session(tiny(folder), "train"):
        pytest.fail("the session opened")


def test_a_folder_that_is_not_empty_is_refused_in_one_line_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError) as refused:
        enter(tmp_path)
    fact = f"output_dir: {tmp_path} is not empty"
    remedy = "name a new folder, or go on with its run by --resume=true"
    assert str(refused.value) == f"{fact}; {remedy}"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("below", [".", "run"])
def test_a_file_in_the_folder_s_place_is_refused_in_one_line(tmp_path, below):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ConfigError, match="output_dir: cannot write to") as refused:
        enter(tmp_path / "file" / below)
    assert "\n" not in str(refused.value)
    assert (tmp_path / "file").read_text() == "precious"


def test_a_signal_asks_for_a_stop_while_the_session_is_open_and_only_then(tmp_path):
    outer = []
    before = signal.signal(signal.SIGTERM, lambda number, _: outer.append(number))
    try:
        with Session(tiny(tmp_path / "run"), "train") as session:
            os.kill(os.getpid(), signal.SIGTERM)
            until(session.stop)
            assert outer == []
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda: outer == [signal.SIGTERM])
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_episode_that_was_thrown_away_is_reported_too(tmp_path):
    with Session(tiny(tmp_path / "run"), "train") as session:
        stage = session.monitor.begin("train", 60, "ticks", a_loop())
        session.ended(stage, an_episode(5, rerecord=True))
        session.ended(stage, an_episode(6, success=True, reward=1.0))
    reported = [event for event in events(session) if event["event"] == "episode"]
    facts = [(e["stage"], e["ticks"], e["success"], e["rerecord"]) for e in reported]
    assert facts == [("train", 5, False, True), ("train", 6, True, False)]


def test_events_that_the_disk_did_not_take_are_counted_and_told_at_the_end(
    tmp_path, monkeypatch, capsys
):
    def refuses(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hil_app.support.events.EventLog._write", refuses)
    heard = []
    with Session(tiny(tmp_path / "run"), "train") as session:
        session.events.listeners.append(heard.append)
        until(lambda: [event.name for event in heard] == ["event_log_closed"])
    lack = f"{tmp_path / 'run' / EVENTS} lacks 3 events"
    assert capsys.readouterr().err == f"hil-app: {lack}: the disk did not take them\n"
