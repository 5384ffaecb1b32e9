"""The evaluator amid the training: when it judges, what it tells, and that it disturbs nothing."""

import json

import pytest
from recordings import recorded
from sample_runs import tiny

from hil_app.control.monitor import Stage
from hil_app.runs import evaluation
from hil_app.runs.folder import EVENTS
from hil_app.runs.session import Session
from hil_app.runs.training import Training


def train(folder, **changes):
    with Session(tiny(folder, **changes), "train") as session:
        training = Training(session)
        training.run()
    return session, training


def reported(session, name):
    events = [json.loads(line) for line in (session.folder / EVENTS).read_text().splitlines()]
    return [event for event in events if event["event"] == name]


def frames(folder):
    return [{k: v.tobytes() for k, v in episode.items()} for episode in recorded(folder)]


def test_it_judges_at_the_first_episodes_end_after_each_multiple(tmp_path):
    session, _ = train(tmp_path / "run", train={"ticks": 200, "eval_every": 50, "eval_episodes": 3})
    evaluations, stage = session.monitor.evaluations, session.monitor.stages[-1]
    ends = [finished.tick for finished in stage.finished]
    due = sorted({next(end for end in ends if end >= n) for n in range(50, ends[-1] + 1, 50)})
    assert [evaluation.ticks for evaluation in evaluations] == due
    assert len(due) >= 2
    assert all(evaluation.episodes == 3 for evaluation in evaluations)
    assert [evaluation.updates for evaluation in evaluations] == [ticks - 21 for ticks in due]
    seconds = [evaluation.train_seconds for evaluation in evaluations]
    assert seconds == sorted(seconds)
    events = [{k: v for k, v in e.items() if k != "time"} for e in reported(session, "evaluation")]
    assert [event["ticks"] for event in events] == due
    assert events[0].keys() == {
        "event",
        "ticks",
        "successes",
        "episodes",
        "mean_ticks",
        "updates",
        "train_seconds",
    }


def test_it_does_not_disturb_the_run(tmp_path):
    """Frames and weights are the same, bit for bit, with and without evaluations."""
    (plain, left), (evaluated, right) = (
        train(tmp_path / name, train={"ticks": 200, "eval_every": every, "eval_episodes": 2})
        for name, every in (("plain", None), ("judged", 40))
    )
    assert len(evaluated.monitor.evaluations) >= 3
    assert plain.monitor.evaluations == []
    assert frames(plain.folder) == frames(evaluated.folder)
    one, two = left.policy.state_dict(), right.policy.state_dict()
    assert all(one[name].equal(two[name]) for name in one)
    assert plain.monitor.stages[-1].ticks == evaluated.monitor.stages[-1].ticks


def test_it_acts_without_chance_and_without_hands_on_the_same_scenes(tmp_path, monkeypatch):
    seeds, end = [], Stage.end

    def noting(stage, episode):
        end(stage, episode)
        if stage.name == "evaluate":
            seeds.append(episode.seed)
            assert episode.intervention_ticks == 0

    monkeypatch.setattr(Stage, "end", noting)
    options = {"learning_starts": 179}  # an untrained policy stays as it is
    changes = {"ticks": 150, "eval_every": 40, "eval_episodes": 4}
    session, _ = train(tmp_path / "run", learner=options, train=changes)
    evaluations = session.monitor.evaluations
    assert len(evaluations) >= 2
    assert seeds == seeds[:4] * len(evaluations)
    assert len(set(seeds)) == 4
    assert len({(e.successes, e.mean_ticks) for e in evaluations}) == 1


def test_the_learner_rests_meanwhile(tmp_path, monkeypatch):
    run, counts = evaluation.Evaluator.run, []

    def counting(self, stage, updates):
        before = updates
        result = run(self, stage, updates)
        counts.append((before, training.learner.progress.updates))
        return result

    monkeypatch.setattr(evaluation.Evaluator, "run", counting)
    options = {"mode": "background"}
    changes = {"ticks": 120, "eval_every": 40, "eval_episodes": 2}
    config = tiny(tmp_path / "run", learner=options, train=changes)
    with Session(config, "train") as session:
        training = Training(session)
        training.run()
    assert counts
    assert all(before == after for before, after in counts)


@pytest.mark.parametrize("episode", [1, 2])
def test_a_stop_ends_an_evaluation_without_a_result(tmp_path, monkeypatch, episode):
    config = tiny(tmp_path / "run", train={"ticks": 400, "eval_every": 40, "eval_episodes": 2})
    session, frame, seen = Session(config, "train"), Stage.frame, []

    def stopping(stage, each):
        frame(stage, each)
        if stage.name == "evaluate":
            seen.extend([stage] * (each.tick == 1))
            if len(seen) == episode:
                session.stop.signal = 2

    monkeypatch.setattr(Stage, "frame", stopping)
    with session:
        Training(session).run()
    assert session.monitor.evaluations == []
    assert reported(session, "evaluation") == []
    assert session.monitor.shown is session.monitor.stages[-1]
