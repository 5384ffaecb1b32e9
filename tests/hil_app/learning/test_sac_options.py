"""Every option of SAC does what its description says."""

import math
from itertools import repeat

import pytest
import torch
from pydantic import ValidationError

from hil_app.learning import SACAlgorithmConfig
from hil_app.learning.sac.losses import StepNoise, Transitions
from hil_app.learning.sac.schedules import rate_factor


def _seen(sac, batch):
    return Transitions.of(batch, sac.policy, sac.config)


def _targets(sac, batch):
    noise = torch.zeros(len(batch["reward"]), 3)
    return sac.losses.targets(_seen(sac, batch), StepNoise(noise, None), sac.critic_target.critics)


def test_a_fixed_temperature_has_neither_loss_nor_optimiser(make_sac, make_batch):
    sac = make_sac(temperature_mode="fixed", temperature_init=0.3)
    stats = sac.update(repeat(make_batch()))
    assert "temperature" not in sac.optimizers
    assert "loss_temperature" not in stats.losses
    assert stats.extra["temperature"] == sac.temperature == pytest.approx(0.3)
    assert sac.state_dict()["log_alpha"].item() == pytest.approx(math.log(0.3))


def test_a_temperature_learned_directly_moves_by_differences(make_sac, make_batch):
    sac = make_sac(temperature_mode="direct", temperature_init=0.5, temperature_lr=0.01)
    entropy = sac.update(repeat(make_batch())).extra["entropy"]
    down = 1 if entropy > sac.target_entropy else -1
    assert sac.temperature == pytest.approx(0.5 - 0.01 * down, abs=1e-5)  # Adam's first step
    assert sac.state_dict()["alpha"].item() == sac.temperature
    assert sac.log_alpha.item() == pytest.approx(math.log(sac.temperature))


def test_a_temperature_learned_directly_stays_at_0_or_above(make_sac, make_batch):
    sac = make_sac(
        temperature_mode="direct", temperature_init=0.01, temperature_lr=0.1, target_entropy=-50.0
    )
    sac.update(repeat(make_batch()))
    assert sac.temperature == 0
    sac.update(repeat(make_batch()))
    assert sac.temperature == 0


def test_a_temperature_learned_in_log_space_moves_by_factors(make_sac, make_batch):
    sac = make_sac(temperature_init=0.5, temperature_lr=0.01, target_entropy=50.0)
    sac.update(repeat(make_batch()))
    assert sac.temperature == pytest.approx(0.5 * math.exp(0.01), rel=1e-5)


def test_the_reward_scale_multiplies_reward_and_penalty(make_sac, make_batch):
    batch = make_batch(8)
    batch["done"] = torch.ones(8)
    for scale in (1.0, 3.0):
        target, discrete_target = _targets(make_sac(reward_scale=scale), batch)
        reward, penalty = batch["reward"], batch["complementary_info"]["discrete_penalty"]
        torch.testing.assert_close(target, scale * reward)
        torch.testing.assert_close(discrete_target, scale * (reward + penalty))


def test_trap_05_dropout_is_in_the_critics_and_never_in_their_targets(make_sac, make_batch):
    sac, batch = make_sac(critic_dropout=0.5), make_batch()
    state = sac.generator.get_state()
    first, second = (sac._draw(32) for _ in range(2))
    assert not torch.equal(first.kept[0], second.kept[0])
    target = list(sac.critic_target.critics)
    one, other = (
        sac.losses.targets(_seen(sac, batch), d._replace(noise=first.noise), target)[0]
        for d in (first, second)
    )
    assert torch.equal(one, other)
    losses = [
        sac.losses.critic(_seen(sac, batch), d._replace(noise=first.noise), target)[0]["critic"]
        for d in (first, second)
    ]
    assert losses[0] != losses[1]
    sac.generator.set_state(state)
    assert torch.equal(sac._draw(32).kept[0], first.kept[0])  # the algorithm's own generator


def test_dropout_leaves_out_its_share_before_the_layer_norm_and_keeps_the_mean(make_sac):
    sac = make_sac(critic_dropout=0.25, policy={"hidden_dims": [400, 8]})
    kept, _ = sac._draw(200).kept
    assert kept.shape == (2, 200, 400)
    assert (kept == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert kept.mean().item() == pytest.approx(1, abs=0.01)
    critic = sac.critic_ensemble.critics[0]
    features, action = torch.randn(200, 16), torch.randn(200, 3)
    x = features @ critic.first.weight.t() + critic.first.bias + action @ critic.action
    hidden = torch.nn.functional.silu(critic.norms[0](x * kept[0]))
    hidden = torch.nn.functional.silu(critic.norms[1](critic.deeper[0](hidden)))
    masks = kept[0], torch.ones(200, 8)
    torch.testing.assert_close(
        critic(features, action, masks), critic.output(hidden).squeeze(1), atol=1e-5, rtol=1e-5
    )


def test_the_actors_dropout_is_in_its_training_alone(make_sac, make_batch):
    sac, batch = make_sac(actor_dropout=0.25, policy={"hidden_dims": [400, 8]}), make_batch()
    assert sac._draw(32).actor == ()  # of a step of the critics
    state = sac.generator.get_state()
    draws = sac._draw_for_actor(200)
    assert [mask.shape for mask in draws.actor] == [(200, 16), (200, 400), (200, 8)]
    assert (draws.actor[1] == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert draws.actor[1].mean().item() == pytest.approx(1, abs=0.01)
    sac.generator.set_state(state)
    again = sac._draw_for_actor(200)
    assert all(torch.equal(*pair) for pair in zip(draws.actor, again.actor, strict=True))
    seen = _seen(sac, batch)
    features = sac.policy.encoder(seen.state)
    one, other = (sac._draw_for_actor(len(features)) for _ in range(2))
    other = other._replace(noise=one.noise)
    for loss in (sac.losses.actor, sac.losses.imitation):
        assert loss(seen, features, one)[0]["actor"] != loss(seen, features, other)[0]["actor"]
    target = list(sac.critic_target.critics)
    assert torch.equal(*(sac.losses.targets(seen, each, target)[0] for each in (one, other)))


def test_the_actors_dropout_is_before_each_of_its_layers(make_sac):
    actor = make_sac(actor_dropout=0.5).policy.actor
    features = torch.randn(9, actor.trunk[0].in_features)
    ones = [torch.ones(9, layer.in_features) for layer in (*actor.trunk, actor.head)
            if hasattr(layer, "in_features")]  # fmt: skip
    torch.testing.assert_close(actor(features, ones), actor(features))
    nothing = [*ones[:-1], torch.zeros_like(ones[-1])]
    mean, _ = actor(features, nothing)
    torch.testing.assert_close(mean, actor.head.bias[: mean.shape[1]].expand(9, -1))


@pytest.mark.parametrize("utd_ratio", [1, 3])
def test_targets_move_after_every_nth_critic_step(make_sac, make_batch, utd_ratio):
    sac = make_sac(target_update_interval=2, utd_ratio=utd_ratio, critic_lr=1e-2)
    target = sac.critic_target.critics[0].output.bias
    moved = []
    last = sac.critic_ensemble.critics[0].output
    last.register_forward_hook(lambda *_: moved.append(target.clone()))
    for _ in range(4):
        sac.update(repeat(make_batch()))
    # the hook sees the state before a critic step, and once more in the actor's step
    before = [v for i, v in enumerate(moved) if i % (utd_ratio + 1) < utd_ratio]
    after = [*before[1:], target]
    changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [step % 2 == 0 for step in range(1, 4 * utd_ratio + 1)]


def test_schedules_rise_then_fall_to_the_final_fraction():
    constant = SACAlgorithmConfig(lr_warmup_steps=4)
    assert [rate_factor(constant, n) for n in (0, 1, 3, 4, 10**6)] == [0.25, 0.5, 1, 1, 1]
    falling = {"lr_warmup_steps": 2, "lr_decay_steps": 12, "lr_final_fraction": 0.1}
    line = SACAlgorithmConfig(lr_schedule="linear", **falling)
    assert [rate_factor(line, n) for n in (0, 1, 2, 7, 12, 99)] == pytest.approx(
        [0.5, 1, 1, 0.55, 0.1, 0.1]
    )
    cosine = SACAlgorithmConfig(lr_schedule="cosine", **falling)
    assert [rate_factor(cosine, n) for n in (2, 7, 12, 99)] == pytest.approx([1, 0.55, 0.1, 0.1])
    assert rate_factor(cosine, 4) > rate_factor(line, 4)


def test_the_schedule_reaches_every_optimiser_and_the_metrics(make_sac, make_batch):
    schedule = {"lr_schedule": "linear", "lr_decay_steps": 4, "lr_final_fraction": 0.5}
    sac = make_sac(**schedule, actor_lr=1e-3, critic_lr=2e-3, temperature_lr=3e-3)
    for factor in (1, 0.875, 0.75, 0.625, 0.5, 0.5):
        extra = sac.update(repeat(make_batch())).extra
        expected = {"actor": 1e-3, "critic": 2e-3, "temperature": 3e-3, "discrete_critic": 2e-3}
        for name, rate in expected.items():
            assert sac.optimizers[name].param_groups[0]["lr"] == pytest.approx(factor * rate)
            assert extra[f"{name}_lr"] == pytest.approx(factor * rate)


def test_after_the_warm_up_the_constant_rates_are_the_users(make_sac, make_batch):
    sac = make_sac(lr_warmup_steps=2, actor_lr=1e-3)
    rates = []
    for _ in range(4):
        sac.update(repeat(make_batch()))
        rates.append(sac.optimizers["actor"].param_groups[0]["lr"])
    assert rates == pytest.approx([5e-4, 1e-3, 1e-3, 1e-3])
    sac.optimizers["actor"].param_groups[0]["lr"] = 7e-3
    sac.update(repeat(make_batch()))
    assert sac.optimizers["actor"].param_groups[0]["lr"] == 7e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr_decay_steps": 5}, "lr_decay_steps needs lr_schedule linear or cosine"),
        ({"lr_final_fraction": 0.5}, "lr_final_fraction needs lr_schedule"),
        ({"lr_schedule": "linear", "lr_final_fraction": 0.5}, "linear needs lr_decay_steps"),
        ({"lr_schedule": "cosine", "lr_decay_steps": 5}, "cosine needs lr_final_fraction"),
        (
            {"lr_schedule": "linear", "lr_final_fraction": 0, "lr_decay_steps": 5,
             "lr_warmup_steps": 5},
            "lr_decay_steps 5 must exceed lr_warmup_steps 5",
        ),
        ({"critic_dropout": 0.0}, "critic_dropout"),
        ({"actor_dropout": 1.0}, "actor_dropout"),
        ({"reward_scale": 0.0}, "reward_scale"),
    ],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        SACAlgorithmConfig(**changes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_poisoned_discrete_choice_is_skipped_too(make_sac, make_batch, weights_of, value):
    sac, batch = make_sac(), make_batch()
    batch["action"][3, 3] = value
    before = weights_of(sac)
    sac.update(repeat(batch))
    assert sac.last_skip_cause == "batch entry action"
    assert all(torch.equal(before[key], value) for key, value in weights_of(sac).items())


def test_a_gradient_that_is_not_finite_is_skipped_and_named(make_sac, make_batch, weights_of):
    sac, batch = make_sac(), make_batch()
    before = weights_of(sac)
    weight = sac.critic_ensemble.critics[0].output.weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    stats = sac.update(repeat(batch))
    assert sac.last_skip_cause == "gradient critic"
    assert (stats.extra["skipped_updates"], sac.consecutive_skips) == (1, 1)
    assert all(torch.equal(before[key], value) for key, value in weights_of(sac).items())
    sac.update(repeat(batch))
    assert (sac.skipped_updates, sac.consecutive_skips) == (2, 2)


def test_a_loss_that_overflows_is_skipped_and_named(make_sac, make_batch):
    sac, batch = make_sac(), make_batch()
    batch["reward"][0] = 1e30  # finite, its square is not
    sac.update(repeat(batch))
    assert sac.last_skip_cause == "loss critic"


def test_an_actor_step_alone_can_be_skipped(make_sac, make_batch, weights_of):
    sac, batch = make_sac(), make_batch()
    sac.policy.actor.head.weight.register_hook(lambda gradient: gradient * float("nan"))
    before = weights_of(sac)
    stats = sac.update(repeat(batch))
    after = weights_of(sac)
    assert sac.last_skip_cause == "gradient actor"
    assert stats.losses.keys() == {"loss_critic", "loss_discrete_critic"}
    moved = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert "critic_ensemble" in moved
    assert "log_alpha" not in moved
    assert torch.equal(before["actor.head.weight"], after["actor.head.weight"])
