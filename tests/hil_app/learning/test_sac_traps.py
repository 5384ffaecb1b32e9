"""Defects of published systems, by their number; each test fails on the defect."""

from itertools import repeat

import pytest
import torch

from hil_app.learning.sac.losses import StepNoise, Transitions

NEVER = 10**9


def _penalised(batch, penalty):
    size = len(batch["reward"])
    batch["complementary_info"]["discrete_penalty"] = torch.full((size,), penalty)
    return batch


@pytest.mark.parametrize("utd_ratio", [1, 2])
def test_trap_01_the_penalty_reaches_the_discrete_critic_in_every_batch(
    make_sac, make_batch, weights_of, utd_ratio
):
    free, costly = _penalised(make_batch(), 0.0), _penalised(make_batch(), -5.0)
    for position in range(utd_ratio):  # the penalty in one batch only, the last one included
        stats, after = [], []
        for special in (free, costly):
            sac = make_sac(utd_ratio=utd_ratio)
            batches = [special if i == position else free for i in range(utd_ratio)]
            stats.append(sac.update(iter(batches)).losses)
            after.append(weights_of(sac))
        assert stats[1]["loss_discrete_critic"] > stats[0]["loss_discrete_critic"] + 5
        changed = {k for k in after[0] if not torch.equal(after[0][k], after[1][k])}
        assert changed
        assert all(k.startswith("discrete_critic") for k in changed)  # and nothing else sees it


def test_trap_01_a_penalty_lowers_the_value_of_the_choice(make_sac, make_batch):
    batch = _penalised(make_batch(64), 0.0)
    choice = batch["action"][:, 3]
    batch["done"] = torch.ones(64)
    batch["reward"] = torch.zeros(64)
    batch["complementary_info"]["discrete_penalty"] = torch.where(choice == 1, 0.0, -0.5)
    sac = make_sac(critic_lr=3e-3)
    for _ in range(150):
        sac.update(repeat(batch))
    best = sac.policy.select_action(batch["state"], deterministic=True)
    assert (best[:, 3] == 1).all()


def test_trap_05_targets_own_their_encoder(make_sac, make_batch):
    sac = make_sac(critic_lr=1e-2)
    online = {p.data_ptr() for p in sac.policy.parameters()}
    online |= {p.data_ptr() for p in sac.critic_ensemble.parameters()}
    targets = [sac.critic_target, sac.target_encoder, sac.discrete_critic_target]
    for parameter in (p for module in targets for p in module.parameters()):
        assert parameter.data_ptr() not in online
        assert not parameter.requires_grad
    state = make_batch()["state"]
    sac.update(repeat(make_batch()))
    assert not torch.allclose(sac.target_encoder(state), sac.policy.encoder(state), atol=1e-4)


def test_trap_05_the_targets_value_comes_from_the_lagging_encoder(make_sac, make_batch):
    """Moving the online encoder alone, with the actor held apart, must not move the target."""
    losses = []
    for spoil in (False, True):
        sac = make_sac(policy={"shared_encoder": False, "num_discrete_actions": None})
        batch = make_batch()
        batch["action"] = batch["action"][:, :3]
        if spoil:
            for parameter in sac.policy.encoder.parameters():
                parameter.data += 1
        seen = Transitions.of(batch, sac.policy, sac.config)
        target_critics = list(sac.critic_target.critics)
        target, _ = sac.losses.targets(seen, StepNoise(torch.ones(32, 3), None), target_critics)
        losses.append(target)
    assert torch.equal(*losses)


@pytest.mark.parametrize("shared", [True, False])
def test_trap_05_no_parameter_is_in_two_optimisers(make_sac, shared):
    sac = make_sac(policy={"shared_encoder": shared})
    listed = [id(p) for o in sac.optimizers.values() for p in o.param_groups[0]["params"]]
    assert len(listed) == len(set(listed))
    online = [*sac.policy.parameters(), *sac.critic_ensemble.parameters(), sac.log_alpha]
    assert set(listed) == {id(p) for p in online}


@pytest.mark.parametrize("shared", [True, False])
def test_trap_05_the_actors_loss_reaches_only_the_actor(make_sac, make_batch, shared):
    """Encoder, critics and discrete critic have the same gradient with and without its step."""
    with_actor = make_sac(policy={"shared_encoder": shared})
    without = make_sac(policy={"shared_encoder": shared}, policy_update_freq=NEVER)
    without.optimization_step = 1
    assert "loss_actor" in with_actor.update(repeat(make_batch())).losses
    assert "loss_actor" not in without.update(repeat(make_batch())).losses
    for name in ("critic", "discrete_critic"):
        pairs = (sac.optimizers[name].param_groups[0]["params"] for sac in (with_actor, without))
        for left, right in zip(*pairs, strict=True):
            assert left.grad.abs().sum() > 0
            assert torch.equal(left.grad, right.grad)
            assert torch.equal(left, right)


def test_trap_05_the_discrete_critic_does_not_train_the_encoder(make_sac, make_batch):
    encoders = []
    for penalty in (0.0, -50.0):
        sac = make_sac()
        sac.update(repeat(_penalised(make_batch(), penalty)))
        encoders.append([p.clone() for p in sac.policy.encoder.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*encoders, strict=True))


def test_trap_05_an_actors_own_encoder_is_trained_by_the_actor(make_sac, make_batch):
    sac = make_sac(policy={"shared_encoder": False})
    before = [p.clone() for p in sac.policy.actor.encoder.parameters()]
    sac.update(repeat(make_batch()))
    after = sac.policy.actor.encoder.parameters()
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _far_future(sac, batch, **flags):
    """Loss of a batch without reward, when every next value is about 100."""
    outputs = [critic.output for critic in sac.critic_target.critics]
    for output in [*outputs, sac.discrete_critic_target[-1]]:
        output.bias.data += 100
    zeros = torch.zeros(len(batch["reward"]))
    batch |= {"reward": zeros, "done": zeros, "truncated": zeros}
    batch["complementary_info"]["discrete_penalty"] = zeros
    batch |= {name: torch.ones_like(zeros) for name in flags}
    return sac.update(repeat(batch)).losses


def test_trap_13_done_stops_bootstrapping_and_a_time_limit_does_not(make_sac, make_batch):
    running = _far_future(make_sac(), make_batch())
    cut_short = _far_future(make_sac(), make_batch(), truncated=True)
    ended = _far_future(make_sac(), make_batch(), done=True)
    for name in ("loss_critic", "loss_discrete_critic"):
        assert ended[name] < 10
        assert running[name] > 5000
        assert cut_short[name] == running[name]
