"""The normaliser, and the trainer that applies it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hil_app.learning import (
    ACTION,
    OBS_ENV_STATE,
    OBS_STATE,
    Normalizer,
    RLTrainer,
    TrainingStats,
)
from hil_app.learning.assumed import tell_once

STATS = {
    OBS_STATE: {"min": [0.0, -10.0, 5.0, 3.0], "max": [10.0, 10.0, 6.0, 3.0]},
    ACTION: {"min": [-2.0, 0.0, 1.0], "max": [2.0, 4.0, 3.0]},
}


class Mixer:
    """Yields numbered batches, and counts the iterators it was asked for."""

    def __init__(self, make_batch, value=0.0):
        self.make_batch, self.value, self.iterators = make_batch, value, 0

    def sample(self, batch_size):
        batch = self.make_batch(batch_size)
        batch["reward"] = torch.full((batch_size,), self.value)
        return batch

    def get_iterator(self, batch_size, *, async_prefetch, queue_size):
        self.ahead = async_prefetch, queue_size
        self.iterators += 1
        return iter(lambda: self.sample(batch_size), None)


@pytest.fixture
def recording(make_sac, monkeypatch):
    """An algorithm that keeps the batches it is given."""
    algorithm = make_sac(policy={"dataset_stats": STATS})
    seen = []

    def update(batches):
        seen.append(next(batches))
        return TrainingStats()

    monkeypatch.setattr(algorithm, "update", update)
    return algorithm, seen


def test_min_and_max_become_minus_one_and_one(policy_config):
    scale = Normalizer(policy_config(dataset_stats=STATS))
    low = {OBS_STATE: torch.tensor(STATS[OBS_STATE]["min"]), OBS_ENV_STATE: torch.ones(2) * 7}
    high = {**low, OBS_STATE: torch.tensor(STATS[OBS_STATE]["max"])}
    assert scale.observation(low)[OBS_STATE].tolist() == [-1, -1, -1, 0]  # the last is constant
    assert scale.observation(high)[OBS_STATE].tolist() == [1, 1, 1, 0]
    assert scale.observation(low)[OBS_ENV_STATE].tolist() == [7, 7]
    assert low[OBS_STATE].tolist() == STATS[OBS_STATE]["min"]


@given(st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3), st.sampled_from([0, 1, 2]))
def test_actions_come_back_and_the_choice_is_never_scaled(values, choice):
    from hil_app.learning import FeatureType, GaussianActorConfig, PolicyFeature

    config = GaussianActorConfig(
        input_features={OBS_STATE: PolicyFeature(FeatureType.STATE, (4,))},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
        num_discrete_actions=3,
        dataset_stats={ACTION: {"min": [-2.0, 0.0, 1.0, 0.0], "max": [2.0, 4.0, 3.0, 2.0]}},
    )
    config.validate_features()
    scale, action = Normalizer(config), torch.tensor([*values, choice])
    scaled = scale.action(action)
    assert scaled[3] == choice
    torch.testing.assert_close(scaled[1], (action[1] - 2) / 2)
    torch.testing.assert_close(scale.unnormalize_action(scaled), action, atol=1e-5, rtol=1e-5)


def test_without_statistics_everything_passes(policy_config, make_batch):
    batch = make_batch(4)
    passed = Normalizer(policy_config()).batch(batch)
    assert torch.equal(passed["action"], batch["action"])
    assert all(torch.equal(passed["state"][k], v) for k, v in batch["state"].items())


def test_numbers_without_statistics_are_known_by_name_once(policy_config, caplog):
    tell_once.cache_clear()
    for _ in range(2):
        Normalizer(policy_config(dataset_stats=STATS))
    (line,) = caplog.messages
    assert f"no range of {OBS_ENV_STATE}, which" in line
    assert "stats_of(buffer)" in line
    Normalizer()
    assert len(caplog.messages) == 1


def test_trap_04_the_trainer_normalises_observations_and_actions(recording, make_batch):
    algorithm, seen = recording
    RLTrainer(algorithm=algorithm, data_mixer=Mixer(make_batch), batch_size=6).training_step()
    raw, scale = make_batch(6), Normalizer(algorithm.policy.config)
    (batch,) = seen
    assert torch.equal(batch["action"][:, 1], (raw["action"][:, 1] - 2) / 2)
    assert torch.equal(batch["action"][:, 3], raw["action"][:, 3])
    for group in ("state", "next_state"):
        assert torch.equal(batch[group][OBS_STATE], scale.observation(raw[group])[OBS_STATE])
        assert not torch.equal(batch[group][OBS_STATE], raw[group][OBS_STATE])
    assert batch["complementary_info"].keys() == raw["complementary_info"].keys()


def test_the_iterator_is_lazy_and_kept_until_it_is_reset(recording, make_batch):
    algorithm, seen = recording
    first, second = Mixer(make_batch, 1.0), Mixer(make_batch, 2.0)
    trainer = RLTrainer(algorithm=algorithm, data_mixer=first, batch_size=3)
    assert first.iterators == 0
    trainer.training_step()
    trainer.training_step()
    assert first.iterators == 1
    trainer.set_data_mixer(second, reset=False)
    trainer.training_step()
    assert [b["reward"][0].item() for b in seen] == [1, 1, 1]
    trainer.reset_data_iterator()
    trainer.training_step()
    trainer.set_data_mixer(first)
    trainer.training_step()
    assert [b["reward"][0].item() for b in seen[3:]] == [2, 1]
    assert (first.iterators, second.iterators) == (2, 1)


def test_a_step_reports_what_the_algorithm_reports(make_sac, make_batch):
    trainer = RLTrainer(algorithm=make_sac(), data_mixer=Mixer(make_batch), batch_size=8)
    assert "loss_critic" in trainer.training_step().to_log_dict()
    with pytest.raises(ValueError, match="batch_size 0"):
        RLTrainer(algorithm=make_sac(), data_mixer=Mixer(make_batch), batch_size=0)
