"""The learner's thread: frames in, weights out, and every way in which it can end."""

import threading
import time
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
import torch
from sample_learner import (
    KEYS,
    MODES,
    TWO_LINES,
    FakeTrainer,
    Gate,
    assemble,
    fail,
    frame,
    ticks,
)
from waiting import PATIENCE_S, until

from hil_app.learning import OnlineOfflineMixer, RLTrainer
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.health import LearnerDied


@pytest.mark.parametrize(
    ("train_freq", "gradient_steps", "expected"),
    [(1, 2, [0, 0, 2, 4, 6, 8]), (2, 1, [0, 0, 0, 1, 1, 2]), (3, 5, [0, 0, 5, 5, 5, 10])],
)
def test_lockstep_makes_a_round_of_updates_every_so_many_frames_once_enough_are_there(
    train_freq, gradient_steps, expected
):
    rounds = {"train_freq": train_freq, "gradient_steps": gradient_steps}
    run, counts = assemble(FakeTrainer(), learning_starts=3, **rounds), []
    with run.learner:
        for tick in range(1, 7):
            run.learner.offer(frame(tick))
            counts.append(run.trainer.updates)
    assert counts == expected


def test_lockstep_offer_returns_only_when_the_updates_are_done():
    gate = Gate()
    run = assemble(FakeTrainer(gate))
    with run.learner:
        offering = threading.Thread(target=run.learner.offer, args=[frame(1)])
        offering.start()
        assert gate.reached.wait(PATIENCE_S)
        offering.join(0.25)
        early = not offering.is_alive()
        gate.opened.set()
        offering.join(20)
    assert not early
    assert run.trainer.updates == 1


def test_frames_go_where_they_belong_and_demonstrations_trigger_no_update():
    run = assemble(FakeTrainer())
    with run.learner:
        run.learner.demonstrate(frame(1, intervention=True, ends=True))
        assert run.trainer.updates == 0
        run.learner.offer(frame(2))
        run.learner.offer(frame(3, intervention=True))
        assert run.trainer.updates == 2
        run.learner.demonstrate(frame(4, ends=True))
    assert run.trainer.updates == 2
    assert ticks(run.online) == [2, 3]
    assert ticks(run.offline) == [1, 3, 4]


def test_demonstrations_and_own_frames_do_not_mix_in_one_return():
    run = assemble(FakeTrainer(), n_steps=2)
    with run.learner:
        for tick in (1, 2, 3):
            run.learner.demonstrate(frame(tick, ends=tick == 3))
            run.learner.offer(frame(10 * tick))
    assert ticks(run.offline) == [1, 2, 3]
    assert ticks(run.offline, "next_state") == [3, 4, 4]
    assert ticks(run.online) == [10, 20]
    assert ticks(run.online, "next_state") == [21, 31]
    assert run.online.state_dict()["rows.reward"].tolist() == [1.5, 1.5]


def test_a_demonstration_that_is_done_again_leaves_nothing():
    run = assemble(FakeTrainer())
    with run.learner:
        for tick in (1, 2, 3):
            run.learner.demonstrate(frame(tick, ends=tick == 3, rerecord=tick == 3))
        assert len(run.offline) == 0
        for tick in (4, 5):
            run.learner.demonstrate(frame(tick, ends=tick == 5))
    assert ticks(run.offline) == [4, 5]


def test_background_offers_do_not_wait_for_a_trainer_that_is_stuck():
    gate = Gate()
    run = assemble(FakeTrainer(gate), mode="background")
    with run.learner:
        run.learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        for tick in range(2, 51):
            run.learner.offer(frame(tick, intervention=tick > 40))
        for tick in range(51, 61):
            run.learner.demonstrate(frame(tick, ends=tick == 60))
        assert run.trainer.updates == 0
        gate.opened.set()
        until(lambda: len(run.offline) == 20)
    assert ticks(run.online) == list(range(1, 51))
    assert ticks(run.offline) == list(range(41, 61))


def test_background_updates_run_free():
    run = assemble(FakeTrainer(), mode="background", learning_starts=2)
    with run.learner:
        run.learner.offer(frame(1))
        until(lambda: len(run.online) == 1)
        assert run.trainer.updates == 0
        run.learner.offer(frame(2))
        until(lambda: run.trainer.updates > 100)


def test_a_resting_learner_makes_no_update_until_it_goes_on():
    run = assemble(FakeTrainer(), mode="background")
    with run.learner:
        run.learner.offer(frame(1))
        until(lambda: run.trainer.updates > 10)
        run.learner.rest()
        updates = run.trainer.updates
        run.learner.offer(frame(2))
        until(lambda: len(run.online) == 2)
        time.sleep(0.05)
        assert run.trainer.updates == updates
        run.learner.go_on()
        until(lambda: run.trainer.updates > updates)


def test_the_arm_can_be_held_until_the_update_under_way_is_done():
    gate, held = Gate(), []
    run = assemble(FakeTrainer(gate), mode="background")
    with run.learner:
        run.learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)

        def hold():
            held.append(run.trainer.updates)
            if len(held) == 5:
                gate.opened.set()
            time.sleep(0.005)

        run.learner.rest(hold)
    assert len(held) >= 5
    assert held[:5] == [0] * 5


def test_frames_that_wait_when_the_learner_ends_are_kept():
    gate = Gate()
    run = assemble(FakeTrainer(gate), mode="background")
    with run.learner:
        run.learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        for tick in range(2, 31):
            run.learner.offer(frame(tick))
        threading.Timer(0.1, gate.opened.set).start()
    assert ticks(run.online) == list(range(1, 31))


@MODES
def test_the_trainer_is_closed_with_the_thread_however_it_ends(mode):
    for during in (lambda: None, fail):
        run = assemble(FakeTrainer(during), mode=mode)
        with suppress(LearnerDied), run.learner:
            run.learner.offer(frame(1))
            assert not hasattr(run.trainer, "closed") or during is fail
        assert run.trainer.closed


@MODES
def test_an_error_in_the_trainer_ends_an_offer_soon(mode):
    run = assemble(FakeTrainer(fail), mode=mode)

    with pytest.raises(LearnerDied) as died, run.learner:
        until(lambda: run.learner.offer(frame(1)))
    cause = "RuntimeError: mat1 and mat2 cannot be multiplied (16x4 and 5x8)"
    assert str(died.value) == f"the learner died: {cause}"
    assert died.value.__cause__ is TWO_LINES
    (event,) = run.heard
    assert (event["event"], event["cause"]) == ("learner_died", cause)


def die_unnoticed(run):
    """Let the learner die without an offer that would tell of it."""
    run.learner._put(partial(run.learner._learn, frame(1)))
    until(lambda: run.heard)


@MODES
def test_the_exit_tells_of_a_death_that_no_offer_has_told_of(mode):
    run = assemble(FakeTrainer(fail), mode=mode)
    with pytest.raises(LearnerDied, match="mat1 and mat2"), run.learner:
        die_unnoticed(run)


@MODES
def test_the_exit_masks_no_other_error(mode):
    run = assemble(FakeTrainer(fail), mode=mode)

    def work():
        with run.learner:
            die_unnoticed(run)
            raise ValueError("the robot fell over")

    with pytest.raises(ValueError, match="the robot fell over"):
        work()


def test_a_full_queue_is_an_error_with_its_remedy():
    gate = Gate()
    run = assemble(FakeTrainer(gate), mode="background", queue_size=3)
    with run.learner:
        run.learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        for tick in (2, 3, 4):
            run.learner.offer(frame(tick))
        with pytest.raises(LearnerDied) as died:
            run.learner.offer(frame(5))
        gate.opened.set()
    message = str(died.value)
    assert "3 frames wait" in message
    assert "lower env.fps" in message
    assert "raise learner.queue_size" in message
    assert "\n" not in message


@MODES
@pytest.mark.parametrize("frames", [0, 3])
def test_the_thread_is_gone_soon_after_the_exit(mode, frames):
    run = assemble(FakeTrainer(), mode=mode)
    with run.learner:
        for tick in range(frames):
            run.learner.offer(frame(tick))
        assert any(thread.name == "learner" for thread in threading.enumerate())
    assert not any(thread.name == "learner" for thread in threading.enumerate())


@MODES
@pytest.mark.timeout(20)
def test_a_learner_that_does_not_run_refuses_frames_and_never_hangs(mode):
    run = assemble(FakeTrainer(), mode=mode)
    with pytest.raises(LearnerDied, match="not running"):
        run.learner.offer(frame(1))
    with run.learner:
        pass
    with pytest.raises(LearnerDied, match="not running"):
        run.learner.demonstrate(frame(2))


def test_versions_count_the_updates_and_the_latest_weights_are_there():
    run, parcels = assemble(FakeTrainer()), []
    with run.learner:
        for tick in range(1, 5):
            run.learner.offer(frame(tick))
            parcels.append(run.learner.mailbox.newer_than(tick - 1))
    assert [parcel.version for parcel in parcels] == [1, 2, 3, 4]
    assert [parcel.weights["policy"]["w"].item() for parcel in parcels] == [1, 2, 3, 4]


def test_its_progress_is_logged_every_so_many_updates():
    logged = []
    run = assemble(FakeTrainer(), log=lambda *facts: logged.append(facts), log_every=3)
    with run.learner:
        for tick in range(1, 8):
            run.learner.offer(frame(tick, intervention=tick == 2))
    assert [frames for frames, _ in logged] == [3, 6]
    assert [progress.updates for _, progress in logged] == [3, 6]
    last = logged[-1][1]
    assert (last.online, last.offline, last.stats) == (6, 1, {"loss_critic": 0.6})
    assert last.updates_per_second > 0


def test_published_weights_of_the_real_algorithm_are_copies(make_sac):
    online, offline = (ReplayBuffer(100, state_keys=KEYS, seed=n) for n in (1, 2))
    algorithm = make_sac(actor_lr=0.01, critic_lr=0.01)
    trainer = RLTrainer(algorithm, OnlineOfflineMixer(online, offline), batch_size=8)
    run = assemble(trainer, online, offline)
    with run.learner:
        run.learner.offer(frame(1))
        first = run.learner.mailbox.newer_than(0)
        kept = {(g, n): t.clone() for g, group in first.weights.items() for n, t in group.items()}
        for tick in range(2, 6):
            run.learner.offer(frame(tick))
        last = run.learner.mailbox.newer_than(4)
    assert (first.version, last.version) == (1, 5)
    assert all(torch.equal(first.weights[g][n], tensor) for (g, n), tensor in kept.items())
    moved = {g for (g, n), tensor in kept.items() if not torch.equal(last.weights[g][n], tensor)}
    assert moved == {"policy", "discrete_critic"}
    now = algorithm.policy.get_weights()
    assert all(torch.equal(last.weights[g][n], now[g][n]) for g, n in kept)
    assert np.isfinite(run.learner.progress.stats["loss_critic"])
