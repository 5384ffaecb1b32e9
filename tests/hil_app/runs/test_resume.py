"""A run that was cut off goes on exactly where its last whole episode ended."""

import json
import threading
from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest
from pyarrow.parquet import read_table
from recordings import recorded
from safetensors.torch import load_file
from sample_runs import tiny
from waiting import PATIENCE_S

from configs.load import ConfigError, merge, validate
from configs.text.writing import draft_of
from hil_app.__main__ import main
from hil_app.control.monitor import Stage
from hil_app.control.signals import StopRequest
from hil_app.learning.learner import Learner
from hil_app.learning.trainer import RLTrainer
from hil_app.recording.lock import Lock
from hil_app.runs.evaluation import Evaluator
from hil_app.runs.folder import EVENTS, checkpoints_of, claim, find_checkpoint
from hil_app.runs.resume import check_changes
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from hil_app.support.checkpoint_names import checkpoints_in

RUN = {
    "train": {"ticks": 150, "save_every": 40, "eval_every": 60, "eval_episodes": 2},
    "eval": {"episodes": 0},
}


def config(folder, **changes):
    return tiny(folder, **merge(RUN, changes))


def train(folder, **changes):
    with Session(config(folder, **changes), "train") as session:
        Training(session).run()
    return session


def resume(folder, *options):
    return main(["train", "--resume=true", f"--output_dir={folder}", *options])


def cut_off(monkeypatch, folder, stage, tick, **changes):
    """A run that Ctrl-C ends in this tick of this stage."""
    session, count = Session(config(folder, **changes), "train"), Stage.frame

    def stopping(self, frame):
        count(self, frame)
        if self.name == stage and self.ticks == tick:
            session.stop.signal = 2

    with monkeypatch.context() as patch, session:
        patch.setattr(Stage, "frame", stopping)
        Training(session).run()
    return session


def left(folder):
    """All that a run leaves to go on from: episodes, tensors and counts; but not its clock."""
    last = find_checkpoint(folder)
    tensors = {
        (str(file.relative_to(last)), name): value.numpy().tobytes()
        for file in sorted(last.rglob("*.safetensors"))
        for name, value in load_file(file).items()
    }
    episodes = [{k: v.tobytes() for k, v in episode.items()} for episode in recorded(folder)]
    state = json.loads((last / "state.json").read_text())
    for timed in state["stages"]:
        del timed["seconds"]
    for timed in state["evaluations"]:
        del timed["train_seconds"]
    return last.name, tensors, episodes, state


def cut_off_warm(monkeypatch, folder, update, **changes):
    """A run that Ctrl-C ends after this update of its warm start, or soon after."""
    session, step = Session(config(folder, **changes), "train"), RLTrainer.warm_start_step
    asked, heeded, made = StopRequest.__call__, threading.Event(), []

    def stopping(trainer):
        made.append(step(trainer))
        if len(made) == update:
            session.stop.signal = 2
            assert heeded.wait(PATIENCE_S)
        return made[-1]

    def watched(self):
        ended = asked(self)
        if ended:
            heeded.set()
        return ended

    with monkeypatch.context() as patch, session:
        patch.setattr(RLTrainer, "warm_start_step", stopping)
        patch.setattr(StopRequest, "__call__", watched)
        Training(session).run()
    return len(made)


def reported(folder, name):
    events = [json.loads(line) for line in (folder / EVENTS).read_text().splitlines()]
    return [event for event in events if event["event"] == name]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A run that nothing has cut off."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(folder)
    return folder


@pytest.fixture(scope="module")
def usual(whole_run):
    return left(whole_run)


def ends(folder):
    state = json.loads((find_checkpoint(folder) / "state.json").read_text())
    return [finished["tick"] for finished in state["stages"][-1]["finished"]]


@pytest.mark.parametrize(
    ("stage", "tick"),
    [
        ("demonstrate", 1),
        ("demonstrate", 20),
        ("train", 1),
        ("train", 33),
        ("train", 77),
        ("train", 140),
        ("evaluate", 10),
        ("evaluate", 50),
    ],
)
def test_trap_09_a_run_cut_off_anywhere_goes_on_as_if_it_had_not_been(
    tmp_path, monkeypatch, usual, stage, tick
):
    """Trap 9: weights, optimisers, counts, buffers and every random state are there again."""
    cut_off(monkeypatch, tmp_path / "run", stage, tick)
    assert left(tmp_path / "run") != usual
    assert resume(tmp_path / "run") == 0
    assert left(tmp_path / "run") == usual


def test_a_run_can_be_cut_off_again_and_again(tmp_path, monkeypatch, usual):
    run, count = tmp_path / "run", Stage.frame
    cut_off(monkeypatch, run, "demonstrate", 20)
    for tick in (10, 60, 130):

        def breaking(self, frame, tick=tick):
            count(self, frame)
            if self.name == "train" and self.ticks == tick:
                raise ConnectionError("the power is gone")

        monkeypatch.setattr(Stage, "frame", breaking)
        with pytest.raises(ConnectionError):
            resume(run)
    monkeypatch.setattr(Stage, "frame", count)
    assert resume(run) == 0
    assert left(run) == usual


def test_a_finished_run_goes_on_as_a_longer_one(tmp_path, usual, whole_run):
    train(tmp_path / "run", train={"ticks": 70})
    assert resume(tmp_path / "run", "--train.ticks=150") == 0
    assert left(tmp_path / "run") == usual
    assert (tmp_path / "run" / "config.yaml").read_text() == (whole_run / "config.yaml").read_text()
    (event,) = reported(tmp_path / "run", "run_resumed")
    assert event["changed"] == ["train.ticks"]


def test_summary_and_evaluations_cover_the_whole_run(tmp_path, whole_run):
    run = tmp_path / "run"
    train(run, train={"ticks": 70})
    assert resume(run, "--train.ticks=150") == 0
    summary = json.loads((run / "summary.json").read_text())
    state = json.loads((find_checkpoint(whole_run) / "state.json").read_text())
    assert summary["train"]["ticks"] == state["ticks"]
    assert summary["train"]["episodes"] == len(state["stages"][1]["finished"])
    assert summary["train"]["updates"] == state["updates"]
    assert summary["demonstrations"]["episodes"] == 2
    expected = [(e["ticks"], e["successes"]) for e in state["evaluations"]]
    found = [(e["ticks"], e["successes"]) for e in summary["train"]["evaluations"]]
    assert found == expected
    assert len(found) == 2
    assert summary["seconds"]["train"] >= summary["train"]["evaluations"][-1]["train_seconds"] - 0.1
    assert [
        event["event"] for event in reported(run, "run_started") + reported(run, "run_resumed")
    ] == [
        "run_started",
        "run_resumed",
    ]


def test_demonstrations_are_not_shown_again(tmp_path, monkeypatch):
    run = tmp_path / "run"
    cut_off(monkeypatch, run, "train", 33)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "demonstrate", lambda *_: pytest.fail("shown again"))
        assert resume(run) == 0


def test_what_was_recorded_after_the_checkpoint_is_set_aside(tmp_path, monkeypatch):
    run = tmp_path / "run"
    session = cut_off(monkeypatch, run, "train", 77)
    cut = recorded(run)[-1]["action"].tobytes()
    count = sum(len(stage.finished) for stage in session.monitor.stages)
    assert resume(run) == 0
    place = run / "set_aside" / "1"
    (aside,) = (place / "dataset" / "data").rglob("*.parquet")
    assert aside.name == f"file-{count:03d}.parquet"
    assert np.stack(read_table(aside)["action"].to_numpy()).tobytes() == cut
    numbers = [number for e in recorded(run) for number in set(e["episode_index"].tolist())]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > count
    (event,) = reported(run, "set_aside")
    assert (event["episodes"], event["checkpoints"]) == (1, [])


def test_an_older_checkpoint_can_be_gone_on_from(tmp_path, usual):
    run = tmp_path / "run"
    train(run)
    older, newest = checkpoints_of(run)[-2:]
    assert resume(run, f"--checkpoint={older}") == 0
    assert (run / "set_aside" / "1" / newest.name / "state.json").is_file()
    assert left(run) == usual


def test_the_newest_run_goes_on_where_none_is_named(tmp_path, monkeypatch, usual):
    monkeypatch.chdir(tmp_path)
    train(tmp_path / "runs" / "it", train={"ticks": 70})
    assert main(["train", "--resume", "--train.ticks=150"]) == 0
    assert left(tmp_path / "runs" / "it") == usual


def test_checkpoints_are_written_every_so_many_ticks_and_at_the_end(whole_run):
    due = {next(e for e in ends(whole_run) if e >= n) for n in range(40, ends(whole_run)[-1], 40)}
    written = [event["ticks"] for event in reported(whole_run, "checkpoint")]
    evaluated = {event["ticks"] for event in reported(whole_run, "evaluation")}
    assert sorted(due | {ends(whole_run)[-1]}) == [t for t in written if t not in evaluated - due]
    assert len(due) >= 2
    kept = [path.name for path in checkpoints_in(whole_run / "checkpoints")]
    assert kept[-2:] == [f"tick_{ticks:06d}" for ticks in written[-2:]]
    assert len(kept) <= 3


@pytest.mark.parametrize(("save_every", "keep_last", "count"), [(None, 2, 1), (20, 4, 4)])
def test_save_every_and_keep_last(tmp_path, save_every, keep_last, count):
    train(tmp_path, train={"save_every": save_every, "keep_last": keep_last, "eval_every": None})
    assert len(checkpoints_of(tmp_path)) == count


def test_the_best_one_is_the_latest_of_those_that_did_best(tmp_path, monkeypatch):
    results, run = iter([3, 5, 5, 4]), Evaluator.run

    def fixed(self, stage, updates):
        result = replace(run(self, stage, updates), successes=next(results), episodes=5)
        session.monitor.evaluations[-1] = result
        return result

    monkeypatch.setattr(Evaluator, "run", fixed)
    options = {"ticks": 201, "eval_every": 50, "keep_last": 1, "eval_episodes": 1}
    session = Session(config(tmp_path, train=options), "train")
    with session:
        Training(session).run()
    evaluations = session.monitor.evaluations
    assert [evaluation.successes for evaluation in evaluations] == [3, 5, 5, 4]
    best = find_checkpoint(tmp_path, "best")
    assert best.name == f"tick_{evaluations[2].ticks:06d}"
    state = json.loads((best / "state.json").read_text())
    assert len(state["evaluations"]) == 3  # it knows how well it did
    assert best != find_checkpoint(tmp_path)
    mark = json.loads((tmp_path / "checkpoints" / "best.json").read_text())
    assert (mark["successes"], mark["episodes"]) == (5, 5)


# what cannot go on


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 5}, "seed: a run that goes on keeps its 0, got 5"),
        ({"policy": {"latent_dim": 9}}, "policy.latent_dim: a run that goes on keeps its 8, got 9"),
        ({"processor": {"observation": {"joints": "all"}}}, "processor.observation.joints"),
        ({"learner": {"online_capacity": 9}}, "learner.online_capacity"),
        ({"train": {"demonstrations": 9}}, "train.demonstrations"),
        ({"algorithm": {"critic_lr": 0.1}}, "algorithm.critic_lr"),
        ({"teleop": None, "train": {"demonstrations": 0}}, "teleop"),
        ({"robot": {"type": "so100_sim"}}, "robot.type"),
    ],
)
def test_a_change_that_cannot_be_resumed_is_refused_in_one_line(tmp_path, changes, says):
    before = config(tmp_path)
    now = validate(merge(before.model_dump(mode="json"), changes))
    with pytest.raises(ConfigError) as refused:
        check_changes(before, now)
    assert str(refused.value).startswith(says)
    assert "start a new run, or leave it" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_change_that_can_be_resumed_is_reported(tmp_path):
    before = config(tmp_path)
    changes = {"train": {"ticks": 9}, "teleop": {"noise": 0.2}, "output_dir": "elsewhere"}
    now = validate(merge(before.model_dump(mode="json"), changes))
    assert sorted(check_changes(before, now)) == ["teleop.noise", "train.ticks"]
    assert check_changes(before, before) == []


def test_a_run_that_goes_on_may_begin_or_cease_to_ask_for_help(tmp_path):
    before = config(tmp_path)
    asking = validate(merge(before.model_dump(mode="json"), {"ask_for_help": {"min_value": 0.5}}))
    assert "ask_for_help.min_value" in check_changes(before, asking)
    assert "ask_for_help.min_value" in check_changes(asking, before)


@pytest.fixture(scope="module")
def ended_run(tmp_path_factory):
    """A run with two checkpoints."""
    folder = tmp_path_factory.mktemp("ended") / "run"
    train(folder, train={"eval_every": None})
    return folder


@pytest.fixture
def stopped(ended_run, tmp_path):
    """A copy of it, to break or to go on with."""
    return copytree(ended_run, tmp_path / "run")


def refused(capsys, status, *arguments):
    """The one line that a command ends with."""
    assert main(["train", *arguments]) == status
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    return errors


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_a_damaged_checkpoint_is_named_and_never_passed_over(stopped, capsys):
    older, newest = checkpoints_of(stopped)
    model = newest / "online.safetensors"
    model.write_bytes(model.read_bytes()[:-9])
    before = contents(stopped)
    message = refused(capsys, 1, "--resume=true", f"--output_dir={stopped}")
    assert f"the checkpoint {newest} is damaged" in message
    assert f"--checkpoint={older}" in message
    assert contents(stopped) == before
    assert resume(stopped, f"--checkpoint={older}") == 0


@pytest.mark.parametrize("name", ["state.json", "training.safetensors", "policy/model.safetensors"])
def test_a_checkpoint_of_something_else_is_refused_without_a_traceback(
    stopped, capsys, tmp_path, name
):
    """Whole files, but of a run with other networks or of another program."""
    newest = find_checkpoint(stopped)
    if name == "state.json":
        content = b'{"ticks": "many"}'
    else:
        train(tmp_path / "other", policy={"latent_dim": 9}, train={"ticks": 40})
        content = (find_checkpoint(tmp_path / "other") / name).read_bytes()
    (newest / name).write_bytes(content)
    sizes = json.loads((newest / "manifest.json").read_text()) | {name: len(content)}
    (newest / "manifest.json").write_text(json.dumps(sizes))
    before = contents(stopped)
    message = refused(capsys, 1, "--resume=true", f"--output_dir={stopped}")
    assert f"the checkpoint {newest} is damaged" in message
    assert contents(stopped) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--resume=true", "--output_dir=nowhere"], "nowhere is no run's folder"),
        (["--resume=true", "--config_path=sim_pick_lift"], "leave out --config_path"),
        (["--checkpoint=run"], "is what --resume=true goes on from"),
        (["--resume=true", "--output_dir=run", "--seed=7"], "seed: a run that goes on keeps its 0"),
        (["--resume=true", "--output_dir=other", "--checkpoint=run"], "is not of the run in other"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(stopped, capsys, monkeypatch, arguments, says):
    monkeypatch.chdir(stopped.parent)
    assert says in refused(capsys, 2, *arguments)


@pytest.mark.parametrize("held", [".", "dataset"])
def test_what_another_program_writes_is_left_alone_until_it_ends(stopped, capsys, held):
    before = contents(stopped)
    arguments = ["--resume=true", f"--output_dir={stopped}", "--train.ticks=150"]
    with Lock(stopped / held):
        message = refused(capsys, 2 if held == "." else 1, *arguments)
        assert message.endswith(
            f"{stopped / held} is being written by another process: end that one, or wait for it\n"
        )
        assert contents(stopped) == before
    assert main(["train", *arguments]) == 0


def test_a_run_has_its_folder_to_itself_while_it_lasts(tmp_path):
    session = Session(config(tmp_path / "run"), "train")
    with session, pytest.raises(ConfigError, match="is being written by another process"):
        claim(tmp_path / "run")
    claim(tmp_path / "run").release()


def test_leftovers_of_a_killed_run_are_swept_away(stopped):
    draft_of(stopped / "checkpoints" / "tick_000999").mkdir()
    assert resume(stopped, "--train.ticks=200") == 0
    assert not list((stopped / "checkpoints").glob("*.part"))


@pytest.mark.parametrize("mode", ["lockstep", "background"])
def test_a_warm_start_that_was_cut_off_goes_on_with_the_rest(tmp_path, monkeypatch, mode):
    changes = {"train": {"warm_start_updates": 60, "ticks": 30}, "learner": {"mode": mode}}
    cut, goal = tmp_path / "cut", 60
    made = cut_off_warm(monkeypatch, cut, 5, **changes)
    assert 5 <= made < goal
    assert resume(cut) == 0
    assert [event["updates"] for event in reported(cut, "warm_starting")] == [goal, goal - made]
    assert [event["updates"] for event in reported(cut, "warm_started")] == [made, goal - made]
    assert resume(cut, "--train.ticks=60") == 0  # it is over, and not repeated
    assert len(reported(cut, "warm_starting")) == 2
    if mode == "lockstep":
        train(tmp_path / "whole", **changes)
        assert resume(tmp_path / "whole", "--train.ticks=60") == 0
        assert left(cut) == left(tmp_path / "whole")
