"""What the critics think less of than of the policy's own action is not imitated."""

from itertools import repeat

import pytest
import torch
from pydantic import ValidationError

from configs.learning.algorithm import SACAlgorithmConfig
from hil_app.learning.sac.losses import StepNoise, Transitions


def actor_loss(sac, batch):
    """The loss of a policy that draws its mean, with an operator who acted in every row."""
    found = Transitions.of(batch, sac.policy, sac.config)
    noise = StepNoise(torch.zeros(len(batch["reward"]), 3), None)
    losses, _ = sac.losses.actor(found, sac.policy.encoder(found.state), noise)
    return losses["actor"].item()


@pytest.fixture
def judged(make_sac, make_batch, monkeypatch):
    """Losses with and without imitation where the critics value the operator's action, of 0.9, so.

    The policy's own is worth 0 to them.
    """

    def losses(value):
        batch = make_batch(8, is_intervention=torch.ones(8))
        batch["action"][:, :3] = 0.9
        found = []
        for options in (
            {},
            {"behavior_cloning_weight": 1.0},
            {"behavior_cloning_weight": 1.0, "imitation_filter": True},
        ):
            sac = make_sac(**options)

            def critics(_, action, **__):
                operators = (action == 0.9).all(dim=1)
                return (operators * value).expand(2, -1)

            monkeypatch.setattr(sac.critic_ensemble, "forward", critics)
            found.append(actor_loss(sac, batch))
        return found

    return losses


def test_what_is_worse_is_not_imitated(judged):
    none, all_of_it, filtered = judged(-0.5)
    assert filtered == none < all_of_it


def test_what_is_better_is_imitated_as_without(judged):
    none, all_of_it, filtered = judged(0.5)
    assert filtered == all_of_it > none


def test_a_choice_that_turned_out_worse_than_the_best_one_is_not_imitated(make_sac, make_batch):
    chosen, best, operator = 2.0, 0, torch.ones(64)
    for reward, wanted in ((1.0, 2), (0.0, best)):
        batch = make_batch(64, is_intervention=operator, discrete_penalty=torch.zeros(64))
        batch |= {"reward": torch.full((64,), reward), "done": torch.ones(64)}
        batch["action"][:, 3] = chosen
        rates = {"critic_lr": 3e-3, "behavior_cloning_weight": 10.0, "imitation_filter": True}
        sac = make_sac(**rates)
        with torch.no_grad():  # what is best to begin with is worth 0.5
            sac.policy.discrete_critic.head[-1].bias.copy_(torch.tensor([0.5, 0.0, 0.0]))
            sac.policy.discrete_critic.head[-1].weight.mul_(0.01)
        for _ in range(200):
            sac.update(repeat(batch))
        choice = sac.policy.select_action(batch["state"], deterministic=True)[:, 3]
        assert (choice == wanted).float().mean().item() > 0.9


def test_there_must_be_something_to_filter():
    with pytest.raises(ValidationError, match="imitation_filter needs behavior_cloning_weight"):
        SACAlgorithmConfig(imitation_filter=True)
