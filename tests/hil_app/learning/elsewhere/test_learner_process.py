"""The learner's process as a run sees it; here the other side is a thread, which starts at once."""

import socket
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from reported import written
from sample_learner import KEYS, MODES, FakeTrainer, Gate, assemble, fail, frame, ticks
from waiting import PATIENCE_S, until

from configs.learning.learner import LearnerConfig
from hil_app.learning import TrainingStats
from hil_app.learning.buffer.returns import Row
from hil_app.learning.elsewhere import answers, process
from hil_app.learning.elsewhere.block import SharedMailbox, WeightsBlock
from hil_app.learning.elsewhere.process import LearnerProcess
from hil_app.learning.elsewhere.serving import Serving
from hil_app.learning.health import LearnerDied
from hil_app.learning.sac.q_values import QValues
from hil_app.support.events import EventLog
from hil_app.support.wire import Connection


class ThreadInstead:
    """Stands for `LearnerChild`; what serves is ``serve``, called with the other end and this."""

    def __init__(self, serve, files):
        ours, theirs = socket.socketpair()
        self.connection, (self.file,) = Connection(ours), files
        self.ended_now, self.ends = None, threading.Event()

        def run():
            with Connection(theirs) as other:
                serve(other, self)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def why(self):
        return "its process was ended by SIGKILL"

    def end(self, *, now):
        self.ended_now = now
        self.ends.set()
        self.connection.shut_down()
        self._thread.join()


class Weights:
    """As much of a policy as the process needs here."""

    def __init__(self):
        self.loaded = {}

    def get_weights(self):
        return {"policy": {"w": torch.zeros(1)}}

    def load_actor_weights(self, weights):
        self.loaded = weights


@pytest.fixture
def run(monkeypatch):
    """Makes a learner with a trainer that is a stand-in, and what is known of both sides."""
    started = []

    def make(trainer=None, serve=None, log=None, q_values_of=None, **config):
        made = SimpleNamespace(trainer=trainer or FakeTrainer(), child=None, policy=Weights())

        def real(other, child):
            assert other.receive().kind == "setup"

            def learner(events, log):
                inner = assemble(
                    made.trainer, log=log, log_every=3, q_values_of=q_values_of, **config
                )
                made.online, made.offline = inner.online, inner.offline
                inner.learner._events = inner.learner._health._events = events
                inner.learner.mailbox = SharedMailbox(
                    WeightsBlock(made.policy.get_weights(), child.file)
                )
                return inner.learner

            serving = Serving(other, learner)
            other.send("ready")
            serving.run()

        def child(_, files):
            made.child = ThreadInstead(serve or real, files)
            started.append(made.child)
            return made.child

        monkeypatch.setattr(process, "LearnerChild", child)
        events, made.heard = EventLog(), []
        events.listeners.append(lambda event: made.heard.append(written(event)))
        settings = LearnerConfig(**{"mode": "lockstep", "learning_starts": 1, **config})
        made.learner = LearnerProcess("module", {}, made.policy, settings, events, log)
        return made

    yield make
    assert all(child.ended_now is not None for child in started)


def test_lockstep_makes_a_round_of_updates_before_an_offer_returns(run):
    made, counts = run(learning_starts=3, gradient_steps=2), []
    with made.learner as learner:
        for tick in range(1, 7):
            learner.offer(frame(tick))
            counts.append((made.trainer.updates, learner.progress.updates, learner.mailbox.version))
    assert counts == [(n, n, n) for n in (0, 0, 2, 4, 6, 8)]
    assert made.policy.loaded["policy"]["w"].item() == 8
    assert made.child.ended_now is False


def test_frames_go_where_they_belong(run):
    made = run()
    with made.learner as learner:
        learner.demonstrate(frame(1, intervention=True, ends=True))
        learner.offer(frame(2))
        learner.offer(frame(3, intervention=True, ends=True))
        assert (learner.progress.online, learner.progress.offline) == (2, 2)
    assert (ticks(made.online), ticks(made.offline)) == ([2, 3], [1, 3])


def test_background_offers_do_not_wait_and_none_is_lost_at_the_end(run):
    gate = Gate()
    made = run(FakeTrainer(gate), mode="background")
    with made.learner as learner:
        learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        for tick in range(2, 51):
            learner.offer(frame(tick))
        assert made.trainer.updates == 0
        gate.opened.set()
    assert ticks(made.online) == list(range(1, 51))


@MODES
def test_a_warm_start_makes_so_many_updates_and_a_stop_ends_it(run, mode):
    made = run(mode=mode)
    with made.learner as learner:
        learner.demonstrate(frame(1, intervention=True, ends=True))
        learner.warm_start(7, stop=lambda: False)
        assert made.trainer.updates == learner.warmed == learner.mailbox.version == 7
        learner.warm_start(10**9, stop=lambda: learner.warmed >= 9)
        assert 9 <= learner.warmed == made.trainer.updates < 10**9
        learner.offer(frame(2))
        learner.rest()
        assert learner.progress.online == 1


def test_a_resting_learner_makes_no_update_until_it_goes_on(run):
    made = run(mode="background")
    with made.learner as learner:
        learner.offer(frame(1))
        until(lambda: learner.progress.updates > 10)
        learner.rest(lambda: time.sleep(0.001))
        updates = made.trainer.updates
        assert learner.progress.updates == updates
        learner.offer(frame(2))
        until(lambda: learner.progress.online == 2)
        time.sleep(0.05)
        assert made.trainer.updates == updates
        learner.go_on()
        until(lambda: made.trainer.updates > updates)


def skipped(trainer):
    trainer.updates += 1
    return TrainingStats(extra={"skipped_updates": float(trainer.updates)})


def test_figures_events_and_q_values_come_back(run):
    logged, trainer = [], FakeTrainer()
    trainer.consecutive_skips, trainer.last_skip_cause = 1, "gradient of the critic"
    trainer.training_step = lambda: skipped(trainer)

    def q_values_of(sent, updates):
        return QValues(sent, sent.reward * 7, 0.5, updates)

    made = run(trainer, log=lambda *facts: logged.append(facts), q_values_of=q_values_of)
    offered = [frame(tick) for tick in range(1, 8)]
    with made.learner as learner:
        for each in offered:
            learner.offer(each)
            found = learner.q_values
            assert found.frame is each
            assert (found.value, found.disagreement) == (7, 0.5)
            assert found.updates == learner.progress.updates
    assert [(frames, p.updates) for frames, p in logged] == [(3, 3), (6, 6)]
    assert logged[1][1].stats == {"skipped_updates": 6}
    assert [(e["event"], e["cause"]) for e in made.heard] == [
        ("update_skipped", "gradient of the critic")
    ]


def test_rows_of_datasets_fill_the_offline_buffer_before_anything_moves(run):
    made = run()
    seen = {key: torch.zeros(2).numpy() for key in KEYS}
    rows = [
        Row(seen, torch.zeros(4).numpy(), float(n), seen, False, False, 0, True, 1.0)
        for n in range(3)
    ]
    assert made.learner.begin_with(rows, 2.0) == 3
    assert made.learner.progress.offline == 3
    assert made.offline.state_dict()["rows.reward"].tolist() == [0, 1, 2]
    assert made.offline.state_dict()["weights"].tolist() == [2, 2, 2]
    made.learner.close()
    assert made.child.ended_now is True


@MODES
def test_an_error_in_the_learner_is_told_as_the_thread_s_is(run, mode):
    made = run(FakeTrainer(fail), mode=mode)
    cause = "RuntimeError: mat1 and mat2 cannot be multiplied (16x4 and 5x8)"
    with pytest.raises(LearnerDied) as died, made.learner as learner:
        until(lambda: learner.offer(frame(1)))
    assert str(died.value) == f"the learner died: {cause}"
    assert [(e["event"], e["cause"]) for e in made.heard] == [("learner_died", cause)]


def until_gone(other, _):
    """Serve until frames come, and go without a word."""
    other.receive()
    other.send("ready")
    while other.receive().kind != "offer":
        pass


@MODES
def test_a_process_that_is_gone_is_told_in_one_line_and_costs_a_tick_nothing(run, mode):
    made = run(serve=until_gone, mode=mode)
    with pytest.raises(LearnerDied) as died, made.learner as learner:
        until(lambda: learner.offer(frame(1)))
    assert str(died.value).startswith("the learner died: its process was ended by SIGKILL; ")
    assert "--resume" in str(died.value)
    assert "\n" not in str(died.value)
    (event,) = made.heard
    assert event["event"] == "learner_died"


def hang(other, child):
    """Begin, and then do nothing at all."""
    other.receive()
    other.send("ready")
    child.ends.wait(PATIENCE_S)


def test_a_process_that_hangs_is_found_out_and_the_tick_never_waits(run, monkeypatch):
    monkeypatch.setattr(answers, "SILENT_S", 0.3)
    made = run(serve=hang, mode="background")
    big = {"observation.images.front": np.zeros((200, 200, 3), np.uint8)}
    offered = []

    def offer_on(learner):
        for tick in range(1, 1000):  # more than the socket takes
            learner.offer(replace(frame(tick), observation=big))
            offered.append(tick)
            time.sleep(0.005)

    with pytest.raises(LearnerDied, match=r"has said nothing for 0\.3 s"), made.learner as learner:
        offer_on(learner)
    assert len(offered) > 5  # nobody waited for it
    assert made.child.ended_now is True


def test_a_full_queue_is_an_error_with_its_remedy(run):
    gate = Gate()
    made = run(FakeTrainer(gate), mode="background", queue_size=3)
    with made.learner as learner:
        learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        until(lambda: learner._answers.done == learner._count)
        for tick in range(2, 5):
            learner.offer(frame(tick))
        with pytest.raises(LearnerDied, match=r"3 frames wait.*raise learner\.queue_size"):
            learner.offer(frame(5))
        gate.opened.set()
    assert ticks(made.online) == [1, 2, 3, 4]


def test_a_learner_that_does_not_run_refuses_frames(run):
    made = run()
    with pytest.raises(LearnerDied, match="not running"):
        made.learner.offer(frame(1))
    with made.learner:
        pass
    with pytest.raises(LearnerDied, match="not running"):
        made.learner.offer(frame(1))


def test_a_process_that_cannot_make_its_learner_says_why(run):
    def refuse(other, _):
        other.receive()
        cause = "the learner died: ConfigError: algorithm.type: no such one"
        other.send("died", {"cause": cause})

    made = run(serve=refuse)
    with pytest.raises(LearnerDied, match="no such one"):
        made.learner.warm_up()
    assert [event["cause"] for event in made.heard] == ["ConfigError: algorithm.type: no such one"]
    assert made.child.ended_now is True


def test_a_process_that_cannot_be_started_is_told(run, monkeypatch):
    def refuse(*_):
        raise OSError(12, "Cannot allocate memory")

    made = run()
    monkeypatch.setattr(process, "LearnerChild", refuse)
    with (
        pytest.raises(LearnerDied, match=r"cannot be started.*Cannot allocate memory"),
        made.learner,
    ):
        pass


def test_a_frame_that_cannot_be_sent_ends_the_run_and_nobody_waits(run):
    made = run()
    odd = replace(frame(1), action=np.array(["no number"]))
    with pytest.raises(LearnerDied, match="the learner died: "), made.learner as learner:
        learner.offer(odd)
