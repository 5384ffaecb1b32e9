"""What robots send is learned from exactly once, whoever dies, and nobody hurts another."""

import queue
import threading
import time
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
from safetensors.torch import load_file
from sample_runs import tiny
from waiting import until

from hil_app.build.assembly import Assembly
from hil_app.learning.elsewhere.experiences import FramePacker, SentFrame
from hil_app.learning.health import LearnerDied
from hil_app.remote import lessons
from hil_app.remote.station import Station
from hil_app.support.checkpoint_names import checkpoints_in
from hil_app.support.spool import record
from hil_app.support.wire import packed, unpacked

TICKS = 12  # of an episode


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """What a robot's bridge says of its run."""
    folder = tmp_path_factory.mktemp("run") / "run"
    config = tiny(folder, learner={"mode": "lockstep", "n_steps": 1})
    policy = Assembly(config).policy_config
    include = {"algorithm", "learner", "train", "ask_for_help", "seed"}
    return {
        "config": config.model_dump(mode="json", include=include),
        "policy": policy.model_dump(mode="json"),
    }


@pytest.fixture
def station(tmp_path):
    """Makes a station over the same folder, as one that is started again; the last one ends."""
    made = []

    def make():
        for before in made:
            end(before)
        made[:] = [Station(tmp_path / "learner", {"name": "learner", "host": "h", "gpus": 0})]
        return made[0]

    yield make
    for one in made:
        end(one)


def end(station):
    """As a process is that is killed: nothing is kept."""
    station._over.set()
    if station._lessons is not None:
        station._lessons.pupil.learner.__exit__(LearnerDied)


def ask(station, kind, arrays=b"", **facts):
    answer = unpacked(station.call(packed(kind, facts, arrays)))
    return answer.kind, answer.facts


def join(station, setup, stream="run.1", robot="left", **changes):
    facts = {"stream": stream, "robot": robot, "share": 1.0, "setup": setup}
    return ask(station, "join", **{**facts, "version": version("hil-app"), **changes})


def push(station, data, stream="run.1"):
    return ask(station, "push", b"".join(data), stream=stream, news=0, stop=False)


def frames(count, start=0.0, **changes):
    """Frames of which each has its number, over several episodes."""
    state, made = seen(start), []
    for tick in range(1, count + 1):
        following = seen(start + tick)
        made.append(
            SentFrame(
                number=0,
                observation=state,
                next_observation=following,
                action=np.zeros(4, np.float32),
                policy_action=np.zeros(4, np.float32),
                reward=start + tick,
                discrete_penalty=0.0,
                success=False,
                terminated=False,
                truncated=tick % TICKS == 0,
                is_intervention=False,
                rerecord=False,
                after_pause=False,
            )
        )
        state = seen(start + tick + 0.5) if tick % TICKS == 0 else following
    return [replace(frame, **changes) for frame in made]


def seen(number):
    return {
        "observation.state": np.full(8, number / 1000, np.float32),
        "observation.environment_state": np.full(3, number / 1000, np.float32),
    }


def stream_of(some, kind="offer"):
    """Records, numbered from 1."""
    packer = FramePacker()
    return [record(n, packed(kind, *packer.pack(frame))) for n, frame in enumerate(some, 1)]


def kept(station, robot="left", name="rows.reward"):
    """What the newest checkpoint has of a robot's rows."""
    folder = checkpoints_in(station._folder)[-1]
    return load_file(folder / f"online@{robot}.safetensors")[name].tolist()


def keep(station):
    station._lessons.keep()


def test_what_comes_twice_counts_once_and_what_comes_too_early_is_asked_for_again(station, setup):
    learner, data = station(), stream_of(frames(30))
    assert join(learner, setup)[1]["received"] == 0
    assert push(learner, data[:10])[1]["received"] == 10
    assert push(learner, data[5:15])[1]["received"] == 15
    assert push(learner, data[20:])[1]["received"] == 15
    assert push(learner, data[15:])[1]["received"] == 30
    until(lambda: push(learner, [])[1]["done"] == 30)
    keep(learner)
    assert kept(learner) == list(range(1, 31))


@pytest.mark.parametrize("safe", [1, 11, 12, 13, 25])
def test_a_learner_that_dies_has_every_frame_once_after_those_since_are_sent_again(
    station, setup, safe
):
    """Whether its checkpoint is of an episode's middle or of its end."""
    learner, data = station(), stream_of(frames(40))
    join(learner, setup)
    push(learner, data[:safe])
    until(lambda: push(learner, [])[1]["done"] == safe)
    keep(learner)
    push(learner, data[safe : safe + 9])  # which it takes with it
    learner = station()
    assert push(learner, [])[1]["received"] == safe
    assert join(learner, setup)[1]["durable"] == safe
    push(learner, data[safe:])
    until(lambda: push(learner, [])[1]["done"] == 40)
    keep(learner)
    assert kept(learner) == list(range(1, 41))
    states = kept(learner, name="rows.state.observation.state")
    wanted = [frame.observation["observation.state"].tolist() for frame in frames(40)]
    assert states == wanted


def test_rows_over_several_ticks_go_on_where_they_were(station, setup):
    """A row needs frames from before the checkpoint, and brings their rewards once."""
    config = {**setup["config"], "learner": {**setup["config"]["learner"], "n_steps": 3}}
    learner, data = station(), stream_of(frames(20))
    join(learner, {**setup, "config": config})
    push(learner, data[:7])
    until(lambda: push(learner, [])[1]["done"] == 7)
    keep(learner)
    learner = station()
    push(learner, data[7:])
    until(lambda: push(learner, [])[1]["done"] == 20)
    keep(learner)
    discount = config["algorithm"]["discount"]
    wanted = [
        sum(
            discount**k * (tick + k)
            for k in range(3)
            if (tick - 1) // TICKS == (tick + k - 1) // TICKS
        )
        for tick in range(1, 19)
    ]
    assert kept(learner) == pytest.approx(wanted)


def test_a_demonstration_that_was_under_way_is_kept_whole(station, setup):
    shown = frames(TICKS, success=True)
    learner, data = station(), stream_of(shown, "demonstrate")
    join(learner, setup)
    push(learner, data[:7])
    until(lambda: push(learner, [])[1]["done"] == 7)
    keep(learner)
    learner = station()
    push(learner, data[7:])
    until(lambda: push(learner, [])[1]["done"] == TICKS)
    assert push(learner, [])[1]["progress"]["offline"] == TICKS


def test_a_robot_that_lies_is_refused_and_the_others_learn_on(station, setup):
    learner = station()
    join(learner, setup)
    join(learner, setup, "run.2", "right")
    good, bad = frames(24), frames(24, start=100)
    bad[3] = replace(bad[3], next_observation={**seen(0), "observation.state": np.full(8, np.nan)})
    one, other = stream_of(good), stream_of(bad)
    for at in range(0, 24, 4):
        push(learner, one[at : at + 4])
        push(learner, other[at : at + 4], "run.2")
    until(lambda: push(learner, [], "run.2")[1]["done"] == 24)
    until(lambda: push(learner, [])[1]["done"] == 24)
    keep(learner)
    assert kept(learner) == list(range(1, 25))
    assert kept(learner, "right") == [101, 102, 103, *range(113, 125)]  # no more of that episode
    facts = push(learner, [], "run.2")[1]
    assert facts["refused"] == 9
    told = [said["fields"]["cause"] for _, kind, said in facts["news"] if kind == "event"]
    assert told == [
        "message 4 of right is not learned from: observation.state has numbers that are not finite"
    ]
    assert push(learner, [])[1]["refused"] == 0
    assert facts["progress"]["updates"] > 0


def test_weights_are_waited_for_a_moment_and_answered_once_they_are_there(
    station, setup, monkeypatch
):
    learner, data, answers = station(), stream_of(frames(60)), queue.SimpleQueue()

    def wait(known):
        answer = unpacked(learner.call(packed("weights", {"version": known, "waits": True})))
        answers.put((answer, time.monotonic()))

    join(learner, setup)
    assert ask(learner, "weights", version=0, waits=False)[1] == {"version": 0}
    push(learner, data[:1])
    asked = time.monotonic()
    wait(0)
    answer, came = answers.get()
    assert (answer.facts, answer.arrays) == ({"version": 0}, b"")
    assert came - asked >= lessons.WAIT_S
    monkeypatch.setattr(lessons, "WAIT_S", 60.0)  # a first update may take its time
    waiting = threading.Thread(target=wait, args=[0])
    asked = time.monotonic()
    waiting.start()
    push(learner, data[1:])
    waiting.join()
    answer, came = answers.get()
    assert answer.facts["version"] >= 1
    assert answer.arrays
    published = learner._lessons.pupil.learner.mailbox._parcel.published
    assert asked < asked - answer.facts["age_s"] <= min(came, published)


def test_bytes_that_are_no_message_are_refused(station, setup):
    learner = station()
    join(learner, setup)
    assert ask(learner, "nonsense")[0] == "refused"
    assert unpacked(learner.call(b"\x80\x04K\x01.")).kind == "refused"  # a pickle
    assert push(learner, [b"\x80\x04K\x01."])[0] == "refused"
    assert push(learner, [record(1, b"\x80\x04K\x01.")])[1]["refused"] == 1
    assert push(learner, stream_of(frames(2))[1:])[1]["received"] == 2


def test_who_does_not_fit_cannot_join(station, setup):
    learner = station()
    assert push(learner, [])[0] == "unknown"
    said = join(learner, setup, version="0.0.1")[1]["cause"]
    assert "hil-app 0.0.1" in said
    assert "install the same" in said
    join(learner, setup)
    other = {**setup, "policy": {**setup["policy"], "latent_dim": 99}}
    kind, facts = join(learner, other, "run.2", "right")
    assert (kind, "policy.latent_dim is 99" in facts["cause"]) == ("refused", True)
    assert "--learner.name" in facts["cause"]


def test_verdicts_reach_the_other_robots_and_whoever_asks(station, setup):
    learner = station()
    join(learner, setup)
    join(learner, setup, "run.2", "right", share=3.0)
    verdict = {"successes": 3, "episodes": 4, "updates": 7}
    push(learner, [record(1, packed("verdict", verdict))])
    news = push(learner, [], "run.2")[1]["news"]
    assert [said for _, _, said in news] == [
        {"class": "OtherEvaluated", "fields": {"whose": "", "robot": "left", **verdict}}
    ]
    left, right = ask(learner, "status")[1]["robots"]
    assert (left["evaluation"], right["evaluation"]) == (verdict, None)
    assert (left["share"], right["share"]) == (1, 3)


def test_it_runs_free_only_while_a_robot_is_there_that_wants_it_to(tmp_path, setup):
    free = {**setup["config"]["learner"], "mode": "background"}
    free = {**setup, "config": {**setup["config"], "learner": free}}
    learner = Station(tmp_path / "learner", {})
    join(learner, free)
    data = [*stream_of(frames(24)), record(25, packed("rest")), record(26, packed("go_on"))]
    push(learner, data[:24])
    until(lambda: push(learner, [])[1]["progress"]["updates"] > 3)
    push(learner, data[24:25])
    until(lambda: push(learner, [])[1]["done"] == 25)
    resting = push(learner, [])[1]["progress"]["updates"]
    assert push(learner, [])[1]["progress"]["updates"] == resting
    push(learner, data[25:])
    until(lambda: push(learner, [])[1]["progress"]["updates"] > resting)
    ask(learner, "leave", stream="run.1", news=0)
    status = ask(learner, "status")[1]
    assert status["robots"][0]["safe"] == 26
    left = ask(learner, "close")[1]["learner"]["updates"]
    assert ask(learner, "status")[1]["learner"]["updates"] == left
