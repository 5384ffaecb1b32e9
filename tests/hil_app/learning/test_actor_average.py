"""What acts is an average of the newest actors that were trained."""

from itertools import repeat

import pytest
import torch

from hil_app.learning import SACAlgorithm

SHARE = 0.25
ENCODERS = pytest.mark.parametrize("shared", [True, False], ids=["shared encoder", "its own"])


def actor_of(policy):
    return [parameter.detach().clone() for parameter in policy.get_optim_params()["actor"]]


@pytest.fixture
def averaging(make_sac):
    """An algorithm that averages, and learns fast."""

    def make(shared=True, **changes):
        rates = {"actor_lr": 1e-2, "critic_lr": 1e-2}
        policy = {"shared_encoder": shared}
        return make_sac(policy=policy, actor_average=SHARE, **rates, **changes)

    return make


@ENCODERS
def test_it_moves_by_the_share_towards_what_is_trained(averaging, make_batch, shared):
    sac = averaging(shared)
    acts = actor_of(sac.policy)
    for _ in range(5):
        sac.update(repeat(make_batch()))
        acts = [old.lerp(new, SHARE) for old, new in zip(acts, actor_of(sac.trained), strict=True)]
    torch.testing.assert_close(actor_of(sac.policy), acts)
    assert not torch.equal(acts[0], actor_of(sac.trained)[0])


@ENCODERS
def test_what_is_trained_is_as_without(averaging, make_sac, make_batch, weights_of, shared):
    sac = averaging(shared)
    plain = make_sac(policy={"shared_encoder": shared}, actor_lr=1e-2, critic_lr=1e-2)
    for algorithm in (sac, plain):
        for _ in range(5):
            algorithm.update(repeat(make_batch()))
    torch.testing.assert_close(actor_of(sac.trained), actor_of(plain.policy), rtol=0, atol=0)
    ours, theirs = weights_of(sac), weights_of(plain)
    same = [name for name in theirs if not name.startswith("actor.")]
    assert all(torch.equal(ours[name], theirs[name]) for name in same)
    assert sac.trained.encoder is sac.policy.encoder


def test_a_warm_start_is_followed_whole(averaging, make_batch):
    sac = averaging()
    sac.warm_start(repeat(make_batch()))
    torch.testing.assert_close(actor_of(sac.policy), actor_of(sac.trained), rtol=0, atol=0)


def test_an_update_that_is_skipped_moves_nothing(averaging, make_batch):
    sac = averaging()
    sac.update(repeat(make_batch()))
    acts, batch = actor_of(sac.policy), make_batch()
    batch["reward"][0] = torch.nan
    sac.update(repeat(batch))
    assert sac.skipped_updates
    torch.testing.assert_close(actor_of(sac.policy), acts, rtol=0, atol=0)


@ENCODERS
def test_what_was_saved_goes_on_bit_for_bit(averaging, make_batch, weights_of, tmp_path, shared):
    sac = averaging(shared)
    for _ in range(3):
        sac.update(repeat(make_batch()))
    sac.policy.save_pretrained(tmp_path / "policy")
    sac.save_pretrained(tmp_path / "algorithm")
    state = sac.training_state()
    policy = type(sac.policy).from_pretrained(tmp_path / "policy")
    other = SACAlgorithm.from_pretrained(tmp_path / "algorithm", policy=policy)
    other.make_optimizers_and_scheduler()
    other.load_training_state(state)
    for algorithm in (sac, other):
        algorithm.update(repeat(make_batch()))
    ours, theirs = weights_of(sac), weights_of(other)
    assert ours.keys() == theirs.keys()
    assert any(name.startswith("actor.trunk.") for name in sac.state_dict())
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
