"""Learning from demonstrations alone, before the policy acts for the first time."""

from itertools import repeat

import pytest
import torch
from sample_learner import MODES, FakeTrainer, assemble, frame

from configs.learning.algorithm import RLAlgorithmConfig
from hil_app.learning.algorithm import RLAlgorithm
from hil_app.learning.health import LearnerDied


def demonstrated(make_batch, action):
    """64 ticks that an operator did all the same way, each of which ended the task well."""
    batch = make_batch(64, is_intervention=torch.ones(64), discrete_penalty=torch.zeros(64))
    batch["action"][:] = torch.tensor(action)
    return batch | {"reward": torch.ones(64), "done": torch.ones(64)}


def test_the_policy_does_what_was_shown_and_strays_little_from_it(make_sac, make_batch):
    batch = demonstrated(make_batch, [0.5, -0.5, 0.2, 2.0])
    rates = {"actor_lr": 3e-3, "critic_lr": 3e-3}
    sac = make_sac(temperature_init=0.01, behavior_cloning_weight=0.1, **rates)
    before = sac.policy(batch["state"])["action"]
    for _ in range(300):
        sac.warm_start(repeat(batch))
    mean = sac.policy.select_action(batch["state"], deterministic=True)
    torch.testing.assert_close(mean, batch["action"], atol=0.1, rtol=0)
    drawn = sac.policy(batch["state"])["action"]
    assert (drawn - mean[:, :3]).std().item() < 0.25 < before.std().item()
    values = sac.q_values(batch["state"], batch["action"])
    torch.testing.assert_close(values, torch.ones_like(values), atol=0.1, rtol=0)


def test_it_imitates_the_operator_alone_where_the_rows_say_who_acted(make_sac, make_batch):
    batch = demonstrated(make_batch, [0.5, -0.5, 0.2, 2.0])
    acted = torch.arange(64) < 32
    batch["action"][~acted, :3] = torch.tensor([-0.9, 0.9, -0.9])
    batch["complementary_info"]["is_intervention"] = acted.float()
    sac = make_sac(temperature_init=0.01, behavior_cloning_weight=0.1, actor_lr=3e-3)
    for _ in range(300):
        sac.warm_start(repeat(batch))
    mean = sac.policy.select_action(batch["state"], deterministic=True)[:, :3]
    assert (mean - torch.tensor([0.5, -0.5, 0.2])).abs().mean().item() < 0.15


@pytest.mark.parametrize(
    ("error", "expected"), [("squared", 0.1), ("absolute", 0.6)], ids=["the mean", "the median"]
)
@pytest.mark.parametrize("kind", ["warm start", "update"])
def test_where_the_operator_does_now_this_now_that(make_sac, make_batch, kind, error, expected):
    batch = demonstrated(make_batch, [0.6, 0.6, 0.6, 2.0])
    batch["action"][torch.arange(64) % 3 == 0, :3] = -0.9
    batch["state"] = {key: torch.zeros_like(value) for key, value in batch["state"].items()}
    options = {"imitation_error": error, "actor_lr": 3e-3, "temperature_init": 1e-3}
    sac = make_sac(behavior_cloning_weight=100.0, **options)
    for _ in range(400):
        (sac.warm_start if kind == "warm start" else sac.update)(repeat(batch))
    mean = sac.policy.select_action(batch["state"], deterministic=True)[:, :3]
    torch.testing.assert_close(mean, torch.full_like(mean, expected), atol=0.1, rtol=0)


def test_it_asks_no_critic(make_sac, make_batch, weights_of):
    one, other = make_sac(), make_sac()
    for parameter in other.critic_ensemble.parameters():
        parameter.data.zero_()
    for sac in (one, other):
        sac.warm_start(repeat(make_batch()))
    actor = [name for name in weights_of(one) if name.startswith(("actor.trunk.", "actor.head."))]
    assert actor
    assert all(torch.equal(weights_of(one)[name], weights_of(other)[name]) for name in actor)


def test_an_algorithm_of_ones_own_need_not_know_how():
    assert not RLAlgorithmConfig.warm_starts.fget(None)
    with pytest.raises(NotImplementedError, match="mine does not learn from demonstrations alone"):
        RLAlgorithm.warm_start(type("Mine", (), {"name": "mine"})(), iter([]))


@MODES
def test_it_makes_so_many_updates_and_no_more_until_frames_come(mode):
    run = assemble(FakeTrainer(), mode=mode)
    with run.learner:
        run.learner.demonstrate(frame(1, intervention=True, ends=True))
        run.learner.warm_start(7, stop=lambda: False)
        assert run.trainer.updates == run.learner.warmed == run.learner.mailbox.version == 7
        run.learner.warm_start(7, stop=lambda: False)
        assert run.trainer.updates == 7


def test_a_stop_ends_it_after_the_update_under_way():
    run = assemble(FakeTrainer())
    with run.learner:
        run.learner.demonstrate(frame(1, intervention=True, ends=True))
        run.learner.warm_start(10**9, stop=lambda: run.learner.warmed >= 3)
    assert 3 <= run.trainer.updates == run.learner.warmed < 10**9


def test_what_ends_the_learner_ends_it():
    def fail():
        raise RuntimeError("the critic exploded")

    run = assemble(FakeTrainer(fail))
    with pytest.raises(LearnerDied, match="the critic exploded"), run.learner:
        run.learner.warm_start(3, stop=lambda: False)
