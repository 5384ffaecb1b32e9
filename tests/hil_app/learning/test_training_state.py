"""A run that is written down and read back goes on bit for bit."""

from itertools import repeat

import pytest
import torch

from hil_app.learning import GaussianActorPolicy as Policy
from hil_app.learning import SACAlgorithm, SACAlgorithmConfig


def _train(algorithm, make_batch, seeds):
    for seed in seeds:
        algorithm.update(repeat(make_batch(seed=seed)))
        algorithm.policy.select_action(make_batch(1)["state"])


def _copied(source, target):
    target.policy.load_state_dict(source.policy.state_dict())
    target.load_state_dict(source.state_dict())
    target.load_training_state(source.training_state())


def test_a_copied_run_goes_on_bit_for_bit(make_sac, make_batch, weights_of):
    changes = {"num_critics": 4, "num_subsample_critics": 2, "policy_update_freq": 2}
    whole, resumed = make_sac(seed=1, **changes), make_sac(seed=2, **changes)
    _train(whole, make_batch, range(3))
    whole.optimizers["actor"].param_groups[0]["lr"] = 1e-3
    _copied(whole, resumed)
    assert resumed.optimization_step == 3
    for algorithm in (whole, resumed):
        _train(algorithm, make_batch, range(3, 7))
    left, right = weights_of(whole), weights_of(resumed)
    assert all(torch.equal(left[key], right[key]) for key in left)
    state = make_batch(4)["state"]
    assert torch.equal(*(a.policy.select_action(state) for a in (whole, resumed)))
    left, right = whole.training_state(), resumed.training_state()
    assert all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("part", ["exp_avg", "exp_avg_sq", "step", "generator.algorithm"])
def test_each_part_of_the_state_matters(make_sac, make_batch, weights_of, part):
    runs = []
    for spoil in (False, True):
        sac = make_sac()
        _train(sac, make_batch, range(2))
        state = sac.training_state()
        if spoil:
            other = make_sac(seed=9).training_state()
            state |= {key: value for key, value in other.items() if key.endswith(part)}
        sac.load_training_state(state)
        _train(sac, make_batch, range(2, 3))
        runs.append(weights_of(sac))
    assert any(not torch.equal(runs[0][key], runs[1][key]) for key in runs[0])


def test_the_state_is_a_copy_and_loads_in_place(make_sac, make_batch):
    sac = make_sac()
    before = sac.training_state()
    kept = {key: value.clone() for key, value in before.items()}
    moments = [sac.optimizers["critic"].state[p]["exp_avg"]
               for p in sac.optimizers["critic"].param_groups[0]["params"]]  # fmt: skip
    _train(sac, make_batch, [0])
    assert all(torch.equal(before[key], kept[key]) for key in kept)
    assert all(moment.abs().sum() > 0 for moment in moments)
    sac.load_training_state(before)
    assert all(not moment.any() for moment in moments)
    assert sac.optimization_step == 0


def test_a_counter_of_skips_is_part_of_it(make_sac, make_batch):
    source, target = make_sac(), make_sac()
    bad = make_batch()
    bad["reward"][0] = float("nan")
    source.update(repeat(bad))
    target.load_training_state(source.training_state())
    assert (target.skipped_updates, target.consecutive_skips) == (1, 1)


def test_a_state_that_does_not_fit_is_refused(make_sac, policy_config):
    sac = make_sac()
    state = sac.training_state()
    with pytest.raises(KeyError, match=r"needs .*'generator.policy'"):
        sac.load_training_state({k: v for k, v in state.items() if k != "generator.policy"})
    with pytest.raises(KeyError, match=r"0\.exp_avg"):
        sac.load_training_state(
            {k: v for k, v in state.items() if k != "optimizer.actor.0.exp_avg"}
        )
    with pytest.raises(ValueError, match=r"0\.exp_avg has shape"):
        sac.load_training_state({**state, "optimizer.actor.0.exp_avg": torch.zeros(1)})
    actor_side = SACAlgorithm(policy=Policy(policy_config()), config=SACAlgorithmConfig())
    with pytest.raises(RuntimeError, match="make_optimizers_and_scheduler"):
        actor_side.load_training_state(state)
