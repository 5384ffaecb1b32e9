"""What the learner's thread does about updates that are not finite, and its snapshots."""

import time
from types import SimpleNamespace

import pytest
import torch
from sample_learner import KEYS, MODES, FakeTrainer, Gate, assemble, frame
from waiting import PATIENCE_S

from hil_app.learning import OBS_STATE, OnlineOfflineMixer, RLTrainer, TrainingStats
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.health import LearnerDied


class Skipping(FakeTrainer):
    """Updates of these numbers, from 1, are not finite."""

    def __init__(self, *skipped):
        super().__init__()
        self.skipped, self.total = skipped, 0

    def training_step(self):
        self.updates += 1
        if self.updates in self.skipped:
            self.total += 1
            self.consecutive_skips += 1
            self.last_skip_cause = f"gradient of the critic in update {self.updates}"
        else:
            self.consecutive_skips = 0
        return TrainingStats(extra={"skipped_updates": float(self.total)})


@MODES
def test_too_many_skipped_updates_in_a_row_end_the_run_with_their_cause(mode):
    run = assemble(Skipping(2, 4, 5, 6, 7), mode=mode, max_skipped_updates=3)

    def offer_on():
        for tick in range(1000):
            run.learner.offer(frame(tick))
            time.sleep(0.001)

    with pytest.raises(LearnerDied) as died, run.learner:
        offer_on()
    assert run.trainer.updates == 6
    message = str(died.value)
    assert "3 updates in a row were not finite" in message
    assert "gradient of the critic in update 6" in message
    assert "learner.max_skipped_updates" in message
    assert "\n" not in message
    reported = [(event["event"], event["cause"]) for event in run.heard]
    assert reported[0] == ("update_skipped", "gradient of the critic in update 2")
    assert [name for name, _ in reported] == ["update_skipped", "learner_died"]


def test_skipped_updates_that_are_not_in_a_row_are_counted_and_shown_only():
    run = assemble(Skipping(2, 3, 5, 6), max_skipped_updates=3)
    with run.learner:
        for tick in range(1, 9):
            run.learner.offer(frame(tick))
    assert run.learner.progress.stats["skipped_updates"] == 4
    assert [event["event"] for event in run.heard] == ["update_skipped"]


def real(make_sac, seed=0):
    """A learner that trains."""
    online, offline = (ReplayBuffer(100, state_keys=KEYS, seed=n) for n in (1, 2))
    algorithm = make_sac(actor_lr=0.01, critic_lr=0.01, seed=seed)
    trainer = RLTrainer(algorithm, OnlineOfflineMixer(online, offline), batch_size=8)
    return assemble(trainer, online, offline, n_steps=2)


def everything(run):
    found = []
    run.learner.snapshot(found.append)
    (tensors,) = found  # in lockstep it is there at once
    return {(g, n): t.numpy().tobytes() for g, group in tensors.items() for n, t in group.items()}


def test_a_restored_learner_goes_on_bit_for_bit(make_sac):
    """Trap 9."""
    kept, one = [], real(make_sac)
    with one.learner:
        one.learner.demonstrate(frame(1, intervention=True, ends=True))
        for tick in range(2, 12):
            one.learner.offer(frame(tick, intervention=tick == 5, ends=tick in (6, 11)))
        one.learner.snapshot(kept.append)
        before = everything(one)
        for tick in range(20, 30):
            one.learner.offer(frame(tick, ends=tick == 29))
        after = everything(one)
    assert after != before
    two = real(make_sac, seed=7)
    two.learner.restore(kept[0])
    assert two.learner.mailbox.newer_than(0).version == one_version(kept[0])
    with two.learner:
        assert everything(two) == before  # and the first one's later updates have not changed it
        for tick in range(20, 30):
            two.learner.offer(frame(tick, ends=tick == 29))
        assert everything(two) == after


def one_version(tensors):
    return int(tensors["learner"]["updates"])


def test_a_snapshot_is_taken_in_the_order_of_the_frames_and_nobody_waits_for_it():
    gate, kept = Gate(), []
    algorithm = SimpleNamespace(state_dict=dict, training_state=dict, policy=torch.nn.Linear(1, 1))
    run = assemble(FakeTrainer(gate), mode="background")
    run.trainer.algorithm = algorithm
    algorithm.policy.replay_state = lambda features: features
    algorithm.get_weights = dict
    algorithm.consecutive_skips = 0
    with run.learner:
        run.learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        run.learner.offer(frame(2))
        run.learner.snapshot(kept.append)
        run.learner.offer(frame(3))
        assert kept == []
        gate.opened.set()
    (tensors,) = kept
    assert tensors["online"][f"rows.state.{OBS_STATE}"][:, 0].tolist() == [1, 2]


def test_a_snapshot_of_other_networks_is_refused(make_sac):
    kept, run = [], real(make_sac)
    with run.learner:
        run.learner.snapshot(kept.append)
    other = assemble(RLTrainer(make_sac({"latent_dim": 5}), run.online, batch_size=8))
    with pytest.raises((KeyError, ValueError)):
        other.learner.restore(kept[0])


@pytest.mark.parametrize("kind", [bool, int])
def test_a_restored_learner_tells_no_second_time_of_a_skipped_update(make_sac, kind):
    """Older checkpoints say by a number what is true or false."""
    kept, one, two = [], real(make_sac), real(make_sac)
    with one.learner:
        one.learner.offer(frame(1, ends=True))
        one.learner._health.told = True
        one.learner.snapshot(kept.append)
    counts = kept[0]["learner"]
    assert counts["told"].dtype == torch.bool
    counts["told"] = torch.tensor(kind(counts["told"]))
    two.learner.restore(kept[0])
    assert two.learner._health.told is True


def test_a_restored_learner_knows_the_last_figures_though_it_learns_no_more(make_sac):
    kept, one, two, old = [], real(make_sac), real(make_sac), real(make_sac)
    with one.learner:
        for tick in range(1, 5):
            one.learner.offer(frame(tick, ends=tick == 4))
        one.learner.snapshot(kept.append)
    two.learner.restore(kept[0])
    assert "loss_critic" in two.learner.progress.stats
    assert two.learner.progress.stats == one.learner.progress.stats
    counts = {k: v for k, v in kept[0]["learner"].items() if not k.startswith("stats.")}
    old.learner.restore({**kept[0], "learner": counts})
    assert old.learner.progress.stats == {}
