"""What the critics make of the newest tick: the right numbers, at no cost to the training."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from sample_learner import KEYS, MODES, FakeTrainer, Gate, assemble, frame, ticks
from waiting import PATIENCE_S, until

from configs.options.help import HelpConfig
from hil_app.control.help_requests import HelpRequests
from hil_app.learning import (
    OBS_ENV_STATE,
    OBS_STATE,
    FeatureType,
    OnlineOfflineMixer,
    PolicyFeature,
    RLTrainer,
)
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.health import LearnerDied
from hil_app.learning.sac.q_values import QValues, q_values_of
from hil_app.recording.frames import Frame
from hil_app.support.events import EventLog
from teleop.no_teleop import NoTeleop

FRONT = "observation.images.front"
STATS = {
    OBS_STATE: {"min": [0.0, 0.0, -1.0, 5.0], "max": [2.0, 4.0, 1.0, 7.0]},
    OBS_ENV_STATE: {"min": [-3.0, 1.0], "max": [3.0, 2.0]},
    "action": {"min": [-2.0, 0.0, -1.0], "max": [2.0, 1.0, 3.0]},
}


def trainer_of(algorithm):
    mixer = OnlineOfflineMixer(ReplayBuffer(10, state_keys=KEYS), ReplayBuffer(10, state_keys=KEYS))
    return RLTrainer(algorithm, mixer, batch_size=8)


def a_frame(**changes):
    state = {
        OBS_STATE: np.array([0.5, 3.0, 0.25, 6.5], np.float32),
        OBS_ENV_STATE: np.array([1.5, 1.25], np.float32),
    }
    wanted = np.array([1.0, 0.25, 2.0, 2.0], np.float32)
    return replace(frame(1), observation=state, policy_action=wanted, **changes)


def test_it_is_the_mean_and_the_deviation_of_the_critics_own_values(make_sac):
    sac = make_sac(policy={"dataset_stats": STATS}, num_critics=5)
    evaluated = q_values_of(trainer_of(sac))(a_frame(), 7)
    seen = {  # as the statistics map them to [-1, 1]
        OBS_STATE: torch.tensor([[-0.5, 0.5, 0.25, 0.5]]),
        OBS_ENV_STATE: torch.tensor([[0.5, -0.5]]),
    }
    wanted = torch.tensor([[0.5, -0.5, 0.5]])
    features = sac.policy.encoder(seen)
    values = [critic(features, wanted).item() for critic in sac.critic_ensemble.critics]
    assert evaluated.value == pytest.approx(np.mean(values), abs=1e-6)
    assert evaluated.disagreement == pytest.approx(np.std(values), abs=1e-6)
    assert evaluated.disagreement > 0.01
    assert evaluated.updates == 7


def test_it_is_of_what_the_policy_wanted_and_not_of_what_the_operator_did(make_sac):
    q_values = q_values_of(trainer_of(make_sac()))
    is_intervention = a_frame(is_intervention=True, action=np.array([-1, -1, -1, 0], np.float32))
    assert q_values(is_intervention, 0).value == q_values(a_frame(), 0).value
    other = a_frame()
    other.policy_action[:3] = -1
    assert q_values(other, 0).value != q_values(a_frame(), 0).value


def test_one_critic_always_agrees_with_itself(make_sac):
    evaluated = q_values_of(trainer_of(make_sac(num_critics=1)))(a_frame(), 0)
    assert evaluated.disagreement == 0
    assert evaluated.value != 0


def test_the_target_networks_may_be_asked(make_sac, make_batch):
    sac, batch = make_sac(critic_lr=0.1), make_batch(16)
    asked = batch["state"], batch["action"]
    assert torch.equal(sac.q_values(*asked, target=True), sac.q_values(*asked))
    sac.update(iter([batch]))
    values = sac.critic_target(sac.target_encoder(batch["state"]), batch["action"][:, :3])
    torch.testing.assert_close(sac.q_values(*asked, target=True), values.detach())
    assert not torch.allclose(values, sac.q_values(*asked), atol=1e-3)


def test_nothing_is_drawn_or_changed(make_sac, weights_of):
    sac = make_sac(critic_dropout=0.5)
    q_values = q_values_of(trainer_of(sac))
    weights, training, everywhere = weights_of(sac), sac.training_state(), torch.get_rng_state()
    one, same = q_values(a_frame(), 0), q_values(a_frame(), 0)
    assert (one.value, one.disagreement) == (same.value, same.disagreement)
    assert all(torch.equal(weights[key], value) for key, value in weights_of(sac).items())
    assert all(torch.equal(training[key], value) for key, value in sac.training_state().items())
    assert torch.equal(torch.get_rng_state(), everywhere)
    assert all(parameter.grad is None for parameter in sac.critic_ensemble.parameters())


@pytest.mark.parametrize("frozen", [True, False])
def test_it_sees_what_a_row_of_the_replay_buffer_has(make_sac, policy_config, frozen):
    """Images too, as feature maps or as they are."""
    inputs = policy_config().input_features
    inputs = {**inputs, FRONT: PolicyFeature(FeatureType.VISUAL, (3, 16, 24))}
    sac = make_sac(policy={"input_features": inputs, "freeze_vision_encoder": frozen})
    image = np.random.default_rng(3).integers(0, 256, (16, 24, 3), np.uint8)
    image.flags.writeable = False
    seen = a_frame(terminated=True)
    seen = replace(seen, observation={**seen.observation, FRONT: image}, action=seen.policy_action)
    seen = replace(seen, next_observation=seen.observation)
    rows = ReplayBuffer.from_frames([seen], sac.policy, 1).sample(1)
    trainer = trainer_of(sac)
    batch = trainer.normalizer.batch(rows)
    features = sac.policy.encoder(sac.policy.perceive(batch["state"]))
    values = sac.critic_ensemble(features, batch["action"][:, :3])
    assert q_values_of(trainer)(seen, 0).value == pytest.approx(values.mean().item(), abs=1e-6)


def test_an_algorithm_without_such_critics_says_so(make_sac):
    sac = make_sac()
    with pytest.raises(NotImplementedError, match="sac has no critics that could evaluate"):
        super(type(sac), sac).q_values({}, torch.zeros(1, 4))


# in the learner's thread


class Noting:
    """A judge that notes the ticks it was asked about; the value is the tick's number."""

    def __init__(self, during=lambda: None):
        self.during, self.ticks = during, []

    def __call__(self, seen: Frame, updates: int) -> QValues:
        self.during()
        self.ticks.append(seen.tick)
        return QValues(seen, float(seen.tick), 0.0, updates)


def test_lockstep_judges_every_tick_once_its_updates_are_made_and_before_the_offer_returns():
    q_values = Noting(lambda: time.sleep(0.02))
    run, frames = assemble(FakeTrainer(), q_values_of=q_values, learning_starts=2), []
    with run.learner:
        for tick in range(1, 5):
            frames.append(frame(tick))
            run.learner.offer(frames[-1])
            newest = run.learner.q_values
            assert newest.frame is frames[-1]
            assert newest.updates == tick - 1
    assert q_values.ticks == [1, 2, 3, 4]


@MODES
def test_demonstrations_are_not_judged(mode):
    q_values = Noting()
    run = assemble(FakeTrainer(), q_values_of=q_values, mode=mode)
    with run.learner:
        run.learner.demonstrate(frame(1, ends=True))
        until(lambda: len(run.offline) == 1)
        run.learner.rest()
    assert q_values.ticks == []
    assert run.learner.q_values is None


def test_background_judges_only_the_newest_of_the_ticks_that_waited():
    gate, q_values = Gate(), Noting()
    run = assemble(FakeTrainer(gate), q_values_of=q_values, mode="background")
    with run.learner:
        run.learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        for tick in range(2, 21):
            run.learner.offer(frame(tick))
        gate.opened.set()
        until(lambda: len(q_values.ticks) > 1)
    assert q_values.ticks == [1, 20]
    assert ticks(run.online) == list(range(1, 21))


def test_background_judges_before_there_is_enough_to_learn_from():
    run = assemble(FakeTrainer(), q_values_of=Noting(), mode="background", learning_starts=100)
    with run.learner:
        run.learner.offer(frame(5))
        until(lambda: run.learner.q_values is not None)
    assert (run.learner.q_values.value, run.learner.q_values.updates) == (5.0, 0)


def test_background_offers_do_not_wait_for_a_judge():
    gate = Gate()
    run = assemble(FakeTrainer(), q_values_of=Noting(gate), mode="background")
    with run.learner:
        run.learner.offer(frame(1))
        assert gate.reached.wait(PATIENCE_S)
        for tick in range(2, 12):
            run.learner.offer(frame(tick))
        assert run.learner.q_values is None
        gate.opened.set()
        until(lambda: run.learner.q_values and run.learner.q_values.value == 11)


def test_judging_changes_nothing_of_what_is_learned(make_sac, weights_of):
    def learned(evaluating):
        online, offline = (ReplayBuffer(100, state_keys=KEYS, seed=n) for n in (1, 2))
        sac = make_sac(actor_lr=0.01, critic_lr=0.01, critic_dropout=0.1)
        trainer = RLTrainer(sac, OnlineOfflineMixer(online, offline), batch_size=8)
        q_values = q_values_of(trainer) if evaluating else None
        run = assemble(trainer, online, offline, q_values_of=q_values)
        with run.learner:
            for tick in range(1, 12):
                run.learner.offer(frame(tick))
        assert (run.learner.q_values is not None) == evaluating
        return {**weights_of(sac), **sac.training_state()}

    with_q_values, without = learned(True), learned(False)
    assert all(torch.equal(with_q_values[key], value) for key, value in without.items())


@MODES
def test_a_learner_that_dies_judging_does_not_trouble_who_asks_for_help(mode):
    """The run ends as with any other error there; the requests only get no news."""

    def fail():
        raise ValueError("no\nsuch critic")

    run = assemble(FakeTrainer(), q_values_of=Noting(fail), mode=mode)
    heard = EventLog()
    asked = []
    heard.listeners.append(asked.append)
    config = HelpConfig(min_value=9.0, ticks=1, after_updates=0)
    requests = HelpRequests(config, lambda: run.learner.q_values, NoTeleop(), heard.emit)

    def work():
        with run.learner:
            run.learner._put(lambda: run.learner._learn(frame(1)))
            until(lambda: run.heard)
            for tick in range(1, 40):
                requests(frame(tick))

    with pytest.raises(LearnerDied, match="ValueError: no such critic"):
        work()
    assert asked == []
    assert not requests.asking
