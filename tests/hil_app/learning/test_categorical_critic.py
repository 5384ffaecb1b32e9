"""Critics that learn how likely a value is (HL-Gauss), and what is made of their values."""

from itertools import repeat

import pytest
import torch

from hil_app.learning import GaussianActorConfig, SACAlgorithm, SACAlgorithmConfig
from hil_app.learning import GaussianActorPolicy as Policy
from hil_app.learning.networks.values import BinnedValue, PlainValue

BINS = {"bins": 51, "bin_range": (-0.2, 1.2)}
BINNED = {"policy": {"discrete_critic_network_kwargs": BINS}, "critic_network_kwargs": BINS}


def test_a_target_is_a_gaussian_over_the_bins():
    form = BinnedValue(-1.0, 1.0, 4)  # bins half a unit wide, a spread of .375
    normal = torch.distributions.Normal(0.1, 0.375)
    edges = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])
    within = normal.cdf(edges).diff()
    likely = form.likely(torch.tensor([0.1]))
    torch.testing.assert_close(likely, (within / within.sum()).unsqueeze(0))


def test_what_is_learned_of_a_target_reads_as_the_target():
    form, targets = BinnedValue(-0.2, 1.2, 51), torch.linspace(0, 1, 101)
    torch.testing.assert_close(form.value(form.likely(targets).log()), targets, atol=1e-4, rtol=0)
    beyond = form.value(form.likely(torch.tensor([-7.0, 7.0])).log())
    assert -0.2 < beyond[0] < -0.15
    assert 1.15 < beyond[1] < 1.2


def test_its_loss_is_in_units_of_the_squared_error():
    form = BinnedValue(-0.2, 1.2, 51)
    given = form.likely(torch.tensor([0.5])).clamp(min=1e-30).log()
    least = form.error(given, torch.tensor([0.5]))
    for off in (0.01, -0.03):
        loss = form.error(given, torch.tensor([0.5 + off])) - least
        assert loss.item() == pytest.approx(off**2, rel=0.02)


def test_a_plain_value_is_itself():
    given, target = torch.tensor([[2.0], [3.0]]), torch.tensor([2.5, 1.0])
    assert PlainValue().value(given).tolist() == [2.0, 3.0]
    assert PlainValue().error(given, target).tolist() == [0.25, 4.0]


def test_both_kinds_of_critics_learn_values_by_bins(make_sac, make_batch):
    sac, batch = make_sac(**BINNED, num_critics=3, critic_lr=1e-2), make_batch()
    batch["done"] = torch.ones(32)  # nothing is expected beyond: the reward is the value
    batch["complementary_info"] = {}
    for _ in range(150):
        stats = sac.update(repeat(batch))
    q = sac.q_values(batch["state"], batch["action"])
    assert q.shape == (3, 32)
    torch.testing.assert_close(q.mean(dim=0), batch["reward"], atol=0.1, rtol=0)
    assert stats.extra["q_mean"] == pytest.approx(batch["reward"].mean().item(), abs=0.03)
    critic = sac.policy.discrete_critic
    values = critic(sac.policy.encoder(sac.policy.perceive(batch["state"])))
    assert values.shape == (32, 3)
    chosen = batch["action"][:, -1:].long()
    torch.testing.assert_close(
        values.gather(1, chosen).squeeze(1), batch["reward"], atol=0.1, rtol=0
    )


def test_its_values_begin_around_0(make_sac, make_batch):
    sac, batch = make_sac(**BINNED), make_batch()
    assert sac.q_values(batch["state"], batch["action"]).abs().max() < 0.1
    with torch.no_grad():
        features = sac.policy.encoder(sac.policy.perceive(batch["state"]))
        assert sac.policy.discrete_critic(features).abs().max() < 0.1


def test_its_values_stay_within_the_bins(make_sac, make_batch):
    sac, batch = make_sac(**BINNED, critic_lr=1e-2, discount=1.0), make_batch()
    batch["reward"] = torch.full((32,), 5.0)
    batch["done"] = torch.zeros(32)
    for _ in range(30):
        sac.update(repeat(batch))
    assert sac.q_values(batch["state"], batch["action"]).abs().max() <= 1.2


def test_nothing_of_the_bins_is_in_the_files(make_sac, tmp_path):
    sac = make_sac(**BINNED)
    names = sac.state_dict().keys() | sac.policy.state_dict().keys()
    plain = make_sac()
    assert names == plain.state_dict().keys() | plain.policy.state_dict().keys()
    sac.policy.save_pretrained(tmp_path / "policy")
    sac.save_pretrained(tmp_path / "sac")
    policy = Policy.from_pretrained(tmp_path / "policy")
    again = SACAlgorithm.from_pretrained(tmp_path / "sac", policy=policy)
    assert again.config.critic_network_kwargs.bins == 51
    state = {
        "observation.state": torch.ones(1, 4),
        "observation.environment_state": torch.ones(1, 2),
    }
    action = torch.zeros(1, 4)
    torch.testing.assert_close(again.q_values(state, action), sac.q_values(state, action))
    torch.testing.assert_close(
        policy.select_action(state, deterministic=True),
        sac.policy.select_action(state, deterministic=True),
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bins": 51}, "bins and bin_range belong together"),
        ({"bin_range": (0, 1)}, "bins and bin_range belong together"),
        ({"bins": 51, "bin_range": (1, 1)}, r"bin_range \[1.0, 1.0\] does not rise"),
    ],
)
def test_bins_that_are_none_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        SACAlgorithmConfig(critic_network_kwargs=given)
    with pytest.raises(ValueError, match=message):
        GaussianActorConfig(discrete_critic_network_kwargs=given)
