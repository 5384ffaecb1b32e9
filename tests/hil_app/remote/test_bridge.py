"""A run, its bridge and the learner, without Ray between them: whatever is cut, nothing is lost."""

import json
import socket
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from recordings import recorded
from safetensors.torch import load_file
from sample_runs import tiny
from waiting import until

from configs.load import ConfigError
from hil_app.events import RunResumed
from hil_app.learning.elsewhere import bridges
from hil_app.learning.elsewhere.flush import flush
from hil_app.learning.health import LearnerDied
from hil_app.remote import bridge
from hil_app.remote.bridge import Bridge, Lost, RayCalls
from hil_app.remote.station import Station
from hil_app.runs.folder import EVENTS, find_checkpoint
from hil_app.runs.resume import Resumed
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from hil_app.support.checkpoint_names import checkpoints_in
from hil_app.support.events import EventLog
from hil_app.support.wire import Connection, packed, unpacked

REMOTE = {"where": "ray", "address": "nowhere:1", "robot": "left", "n_steps": 1}


class Network:
    """A learner that can be out of reach, and bridges to it in threads of this process."""

    process_id = 0

    def __init__(self, folder):
        self.folder, self.cut = folder, False
        self.station = Station(folder, {"name": "learner", "host": "h", "gpus": 0})
        self.bridges, self.weights = [], 0  # how often weights have come

    def call(self, data, _):
        if self.cut:
            raise Lost("the cable is out")
        answer = unpacked(self.station.call(data))
        self.weights += answer.kind == "weights" and bool(answer.arrays)
        return answer

    def child(self, _module, _files):
        """In the place of a process."""
        ours, theirs = socket.socketpair()
        made = InThread(ours, Connection(theirs), self.call)
        self.bridges.append(made)
        return made


class InThread:
    process_id = 0

    def __init__(self, ours, theirs, call):
        self.connection, self._theirs = Connection(ours), theirs
        self._thread = threading.Thread(target=self._run, args=[call], daemon=True)
        self._thread.start()

    def _run(self, call):
        message = self._theirs.receive()
        Bridge(self._theirs, message.facts, call).run()
        self._theirs.shut_down()

    def why(self):
        return "it was ended"

    def end(self, *, now):  # noqa: ARG002 - as the real one is called
        self.connection.shut_down()
        self._thread.join()
        self._theirs.close()


@pytest.fixture
def network(tmp_path, monkeypatch):
    made = Network(tmp_path / "learner")
    monkeypatch.setattr(bridges, "LearnerChild", made.child)
    monkeypatch.setattr(bridges, "_AGAIN_S", 0.01)
    monkeypatch.setattr(bridge, "AGAIN_S", 0.02)
    monkeypatch.setattr(bridge, "IDLE_S", 0.02)
    yield made
    made.station._over.set()
    if made.station._lessons is not None:
        made.station._lessons.pupil.learner.__exit__(LearnerDied)


def train(folder, see=lambda *_: None, resumed=None, **changes):
    """A run, in each frame of which ``see`` is called with it and the count so far."""
    learner = {**REMOTE, **changes.pop("learner", {})}
    config, count = tiny(folder, learner=learner, **changes), []
    with Session(config, "train", *([] if resumed is None else [resumed[0]])) as session:
        training = Training(session, *([] if resumed is None else [resumed[1]]))
        keep = training._see

        def looked(frame):
            keep(frame)
            count.append(None)
            see(training, len(count))

        training._see = looked
        training.run()
    return session


def told(session):
    lines = (session.folder / EVENTS).read_text().splitlines()
    return [json.loads(line) for line in lines]


def check_all_there(network, *folders):
    """Every frame of these runs' trainings is a row, once, in order."""
    rows = load_file(checkpoints_in(network.folder)[-1] / "online@left.safetensors")["rows.action"]
    wanted = [one["action"] for folder in folders for one in recorded(folder)[2:]]
    assert np.array_equal(rows.numpy(), np.concatenate(wanted))


@pytest.mark.parametrize("mode", ["background", pytest.param("lockstep", marks=pytest.mark.slow)])
def test_a_learner_that_is_out_of_reach_for_a_while_gets_every_frame_once(network, tmp_path, mode):
    def see(_, count):
        network.cut = 30 <= count < 70

    session = train(tmp_path / "run", see, learner={"mode": mode})
    names = [event["event"] for event in told(session)]
    assert names.index("learner_lost") < names.index("learner_back")
    assert not (session.folder / "unsent").exists()
    check_all_there(network, session.folder)


@pytest.mark.parametrize("mode", ["background", "lockstep"])
def test_weights_take_no_more_of_the_network_than_they_may(network, tmp_path, mode):
    def see(training, count):
        if count == 60 and mode == "background":
            until(lambda: training.learner.progress.updates > 20)

    learner = {"mode": mode, "weights_mb_per_s": 1e-5}  # one version takes minutes
    train(tmp_path / "run", see, learner=learner)
    if mode == "lockstep":  # which needs them all
        assert network.weights > 5
    else:
        assert 1 <= network.weights <= 2  # the first, and those of the end


def test_bridges_that_end_are_followed_by_others(network, tmp_path):
    def see(training, count):
        if count in (25, 40, 55):
            until(lambda: training.learner.lost is None)
            network.bridges[-1].connection.shut_down()

    before = time.monotonic()
    session = train(tmp_path / "run", see, learner={"mode": "lockstep"})
    ages = session.monitor.stages[-1].loop.policy.ages  # of weights, as they were taken
    assert ages
    assert min(ages) > 0
    assert max(ages) < time.monotonic() - before
    assert len(network.bridges) == 4
    assert [event["event"] for event in told(session)].count("bridge_ended") == 3
    check_all_there(network, session.folder)


def test_a_run_ends_whole_without_its_learner_and_the_rest_is_sent_later(network, tmp_path):
    def see(_, count):
        network.cut |= count == 40

    session = train(tmp_path / "run", see)
    (event,) = (event for event in told(session) if event["event"] == "frames_unsent")
    assert f"`hil-app learner flush {session.folder}` sends them" in event["cause"]
    assert find_checkpoint(session.folder).is_dir()
    network.cut = False
    sent = flush("module", session.folder, EventLog())
    assert sent > 60
    assert flush("module", session.folder, EventLog()) == 0
    check_all_there(network, session.folder)


@pytest.mark.slow
def test_on_loss_hold_stands_still_at_the_episode_s_end_until_it_is_back(network, tmp_path):
    waited = []

    def see(training, count):
        if count == 40:
            network.cut = True
            until(lambda: training.learner.lost)
            training._session.events.listeners.append(hear)

    def hear(event):
        if event.name == "holds_for_learner":
            waited.append(event.note)
            network.cut = False

    session = train(tmp_path / "run", see, learner={"on_loss": "hold", "mode": "background"})
    assert waited == ["until it is within reach again: the cable is out"]
    check_all_there(network, session.folder)


@pytest.mark.slow
def test_a_run_goes_on_at_its_learner_and_nowhere_else(network, tmp_path):
    session = train(tmp_path / "run", train={"ticks": 30})
    checkpoint = find_checkpoint(session.folder)
    resumption = RunResumed(checkpoint=checkpoint.name, ticks=0, changed=[])
    with pytest.raises(ConfigError, match=r"learner\.where: thread.*on another machine"):
        Resumed.read(checkpoint).check_where("thread")
    train(session.folder, resumed=(resumption, Resumed.read(checkpoint)))
    check_all_there(network, session.folder)


def test_a_learner_that_never_was_in_reach_is_said_in_a_line(network, tmp_path, monkeypatch):
    monkeypatch.setattr(bridges, "_GIVE_UP_S", 0.1)
    network.cut = True
    with pytest.raises(LearnerDied, match=r"^the learner cannot be reached: the cable is out$"):
        train(tmp_path / "run")


def test_the_end_of_ray_on_this_computer_is_noticed_though_calls_may_go_on(tmp_path, monkeypatch):
    ended, place = threading.Event(), str(tmp_path / "raylet")
    with socket.socket(socket.AF_UNIX) as raylet:
        raylet.bind(place)
        raylet.listen()
        ray = SimpleNamespace(
            get_runtime_context=lambda: SimpleNamespace(get_node_id=lambda: "b"),
            nodes=lambda: [
                {"NodeID": "a", "RayletSocketName": "another's"},
                {"NodeID": "b", "RayletSocketName": place},
            ],
            get_actor=lambda _: SimpleNamespace(call=SimpleNamespace(remote=bytes)),
            get=lambda data, timeout: data,  # noqa: ARG005 - as Ray's is called
        )
        monkeypatch.setattr(bridge.cluster, "connect", lambda _: ray)
        RayCalls("h:1", "learner", ended.set)(packed("status"), 1.0)
        connection, _ = raylet.accept()
        assert not ended.is_set()
        connection.close()
        assert ended.wait(10)
