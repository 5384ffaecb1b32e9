"""The closed-form density against torch.distributions."""

import pytest
import torch
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution

from hil_app.learning.networks.distributions import log_prob, sample


def _reference(mean, log_std, action):
    base = Normal(mean, log_std.exp())
    squashed = TransformedDistribution(base, [TanhTransform()])
    return Independent(squashed, 1).log_prob(action)


def test_log_prob_is_that_of_torch_distributions():
    draw = torch.Generator().manual_seed(0)
    mean = torch.randn(500, 3, generator=draw, dtype=torch.float64)
    log_std = torch.randn(500, 3, generator=draw, dtype=torch.float64).clamp(-3, 0)
    action, density = sample(mean, log_std, draw)
    torch.testing.assert_close(density, _reference(mean, log_std, action), rtol=1e-6, atol=1e-6)


def test_trap_03_the_scale_is_a_standard_deviation_not_a_variance():
    mean, log_std = torch.zeros(200_000, 1), torch.full((200_000, 1), 0.3).log()
    action, density = sample(mean, log_std, torch.Generator().manual_seed(1))
    assert action.atanh().std().item() == pytest.approx(0.3, rel=0.01)
    torch.testing.assert_close(density, _reference(mean, log_std, action), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mean", [-60.0, -9.0, 0.0, 9.0, 60.0])
def test_density_and_gradient_stay_finite_where_tanh_saturates(mean):
    centre = torch.full((4, 3), mean, requires_grad=True)
    action, density = sample(centre, torch.zeros(4, 3), torch.Generator().manual_seed(2))
    assert action.abs().max() <= 1
    assert density.isfinite().all()
    (gradient,) = torch.autograd.grad(density.sum(), centre)
    assert gradient.isfinite().all()


def test_density_integrates_to_one():
    raw = torch.linspace(-12, 12, 200_001, dtype=torch.float64)[:, None]
    mean, log_std = torch.tensor([0.4]), torch.tensor([-0.2])
    density = log_prob((raw - mean) / log_std.exp(), log_std, raw).exp()
    assert torch.trapezoid(density, raw.tanh()[:, 0]).item() == pytest.approx(1, abs=1e-5)


def test_gradient_flows_through_the_sample():
    mean = torch.zeros(8, 2, requires_grad=True)
    log_std = torch.zeros(8, 2, requires_grad=True)
    action, _ = sample(mean, log_std, torch.Generator().manual_seed(3))
    gradients = torch.autograd.grad(action.sum(), (mean, log_std))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
