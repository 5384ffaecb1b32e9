"""SAC: its losses against a plain form, its accounting, its switches and its files."""

from itertools import repeat

import pytest
import torch

from hil_app.learning import GaussianActorPolicy as Policy
from hil_app.learning import (
    RLAlgorithm,
    SACAlgorithm,
    SACAlgorithmConfig,
    TrainingStats,
    make_algorithm,
)
from hil_app.learning.sac.losses import IMITATION_MARGIN

LOSSES = {"loss_critic", "loss_actor", "loss_temperature", "loss_discrete_critic"}
NORMS = {"critic", "actor", "temperature", "discrete_critic"}


class Counted:
    """Endless copies of one batch, counting how many were taken."""

    def __init__(self, batch):
        self.batch, self.taken = batch, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.taken += 1
        return self.batch


def test_stats_have_the_published_names(make_sac, make_batch):
    stats = make_sac().update(repeat(make_batch()))
    assert stats.losses.keys() == LOSSES
    assert stats.grad_norms.keys() == NORMS
    rates = {f"{name}_lr" for name in NORMS}
    assert stats.extra.keys() == {"temperature", "q_mean", "entropy", "skipped_updates"} | rates
    log = stats.to_log_dict()
    assert log["loss_critic"] == stats.losses["loss_critic"]
    assert log["critic_grad_norm"] == stats.grad_norms["critic"]
    assert log["temperature"] == stats.extra["temperature"]
    assert len(log) == len(LOSSES) + len(NORMS) + len(stats.extra)


def test_without_a_discrete_dimension_there_is_no_discrete_critic(make_sac, make_batch):
    sac = make_sac(policy={"num_discrete_actions": None})
    batch = make_batch()
    batch["action"] = batch["action"][:, :3]
    batch["complementary_info"] = {}
    stats = sac.update(repeat(batch))
    assert stats.losses.keys() == LOSSES - {"loss_discrete_critic"}
    assert sac.get_weights().keys() == {"policy"}
    assert not any(key.startswith("discrete") for key in sac.state_dict())


def test_actor_side_has_no_optimisers(policy_config, make_batch):
    algorithm = make_algorithm(SACAlgorithmConfig(), Policy(policy_config()))
    assert isinstance(algorithm, SACAlgorithm)
    assert algorithm.optimizers == {}
    assert algorithm.get_optimizers() == {}
    with pytest.raises(RuntimeError, match="make_optimizers_and_scheduler"):
        algorithm.update(repeat(make_batch()))
    made = algorithm.make_optimizers_and_scheduler()
    assert made.keys() == algorithm.get_optimizers().keys() == NORMS


@pytest.mark.parametrize("utd_ratio", [1, 2, 5])
def test_an_update_takes_exactly_utd_ratio_batches(make_sac, make_batch, utd_ratio):
    sac, batches = make_sac(utd_ratio=utd_ratio), Counted(make_batch())
    sac.update(batches)
    assert batches.taken == utd_ratio
    steps = {name: opt.state_dict()["state"][0]["step"] for name, opt in sac.optimizers.items()}
    assert steps == {
        "critic": utd_ratio, "discrete_critic": utd_ratio, "actor": 1, "temperature": 1
    }  # fmt: skip


def test_the_actor_is_trained_every_policy_update_freq(make_sac, make_batch):
    sac = make_sac(policy_update_freq=3)
    trained = ["loss_actor" in sac.update(repeat(make_batch())).losses for _ in range(7)]
    assert trained == [True, False, False, True, False, False, True]
    assert sac.optimization_step == 7
    sac.optimization_step = 2
    assert "loss_actor" not in sac.update(repeat(make_batch())).losses


def test_targets_follow_by_the_update_weight(make_sac, make_batch, weights_of):
    sac = make_sac(critic_target_update_weight=0.25, critic_lr=1e-2)
    before = weights_of(sac)
    sac.update(repeat(make_batch()))
    after = weights_of(sac)
    pairs = {"critic_target.critics.1.first.weight": "critic_ensemble.critics.1.first.weight",
             "critic_target.features.branches.0.0.weight": "encoder.branches.0.0.weight",
             "discrete_critic_target.1.bias": "discrete_critic.head.1.bias"}  # fmt: skip
    for target, online in pairs.items():
        assert torch.equal(before[target], before[online])
        expected = 0.75 * before[target] + 0.25 * after[online]
        torch.testing.assert_close(after[target], expected)
        assert not torch.equal(after[target], after[online])


def test_the_gradient_is_clipped(make_sac, make_batch):
    sac = make_sac(grad_clip_norm=1e-3)
    stats = sac.update(repeat(make_batch()))
    for name, optimizer in sac.optimizers.items():
        parameters = optimizer.param_groups[0]["params"]
        norm = torch.cat([p.grad.flatten() for p in parameters]).norm().item()
        assert norm <= 1e-3 * (1 + 1e-4)
        assert stats.grad_norms[name] > 1e-3
    free = make_sac(grad_clip_norm=None)
    unclipped = free.update(repeat(make_batch())).grad_norms["critic"]
    gradients = torch.cat(
        [p.grad.flatten() for p in free.optimizers["critic"].param_groups[0]["params"]]
    )
    assert gradients.norm().item() == pytest.approx(unclipped, rel=1e-5)


def test_the_minimum_is_over_a_fresh_subset_chosen_before_the_pass(make_sac, make_batch):
    sac = make_sac(num_critics=10, num_subsample_critics=2)
    used = []  # the target critics that were evaluated, update by update
    for index, critic in enumerate(sac.critic_target.critics):
        critic.register_forward_hook(lambda *_, index=index: used[-1].append(index))
    for _ in range(20):
        used.append([])
        sac.update(repeat(make_batch()))
    assert all(len(set(members)) == len(members) == 2 for members in used)
    assert len({tuple(sorted(members)) for members in used}) > 5


def test_the_temperature_steers_the_entropy(make_sac, make_batch):
    for target, direction in ((50.0, 1), (-50.0, -1)):
        sac = make_sac(target_entropy=target, temperature_lr=1e-2)
        sac.update(repeat(make_batch()))
        assert (sac.temperature - 1) * direction > 0


def test_cloning_pulls_both_heads_to_the_operators_action(make_sac, make_batch):
    zeros = torch.zeros(64)
    batch = make_batch(64, discrete_penalty=zeros)
    batch |= {"reward": zeros, "done": zeros + 1}
    operator = batch["complementary_info"]["is_intervention"] == 1
    batch["action"][operator] = torch.tensor([0.5, -0.5, 0.2, 2.0])
    rates = {"actor_lr": 3e-3, "critic_lr": 3e-3}
    sac = make_sac(behavior_cloning_weight=100.0, **rates)
    for _ in range(200):
        sac.update(repeat(batch))
    state = {key: value[operator] for key, value in batch["state"].items()}
    action = sac.policy.select_action(state, deterministic=True)
    torch.testing.assert_close(action[:, :3], batch["action"][operator, :3], atol=0.1, rtol=0)
    assert (action[:, 3] == 2).all()
    q = sac.policy.discrete_critic(sac.policy.encoder(state))
    lead = q[:, 2] - q[:, :2].amax(dim=1)  # enough, and not without end
    assert 0.8 * IMITATION_MARGIN < lead.min().item() <= lead.max().item() < 5 * IMITATION_MARGIN


def test_cloning_counts_only_the_operators_rows_and_averages_over_them(make_sac, make_batch):
    nobody = make_batch(16, is_intervention=torch.zeros(16))
    losses = [make_sac(behavior_cloning_weight=w).update(repeat(nobody)).losses for w in (0.0, 5.0)]
    assert losses[0] == losses[1]
    loss = {}
    for rows in (
        1,
        16,
    ):  # the rows are equal: their count must not matter
        batch = make_batch(16, is_intervention=(torch.arange(16) < rows).float())
        batch["state"] = {k: v[:1].expand(16, -1) for k, v in batch["state"].items()}
        batch["action"] = batch["action"][:1].expand(16, -1)
        plain, cloned = (
            make_sac(behavior_cloning_weight=w).update(repeat(batch)).losses for w in (0.0, 1.0)
        )
        loss[rows] = [cloned[k] - plain[k] for k in ("loss_discrete_critic", "loss_actor")]
    assert loss[1][0] == pytest.approx(loss[16][0], abs=1e-5)
    assert loss[1][0] > 0


def test_cloning_without_the_flag_is_an_error(make_sac, make_batch):
    batch = make_batch()
    del batch["complementary_info"]["is_intervention"]
    with pytest.raises(KeyError, match=r"is_intervention.*discrete_penalty"):
        make_sac(behavior_cloning_weight=1.0).update(repeat(batch))


def _poisoned(batch, where, value):
    group, _, key = where.partition("/")
    tensor = batch[group][key] if key else batch[group]
    tensor.view(-1)[5] = value
    return batch


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "where",
    ["state/observation.state", "next_state/observation.state", "action", "reward", "done",
     "truncated", "complementary_info/discrete_penalty", "complementary_info/is_intervention",
     "complementary_info/discount"],
)  # fmt: skip
def test_a_poisoned_batch_is_skipped_and_counted(make_sac, make_batch, weights_of, where, value):
    sac = make_sac(behavior_cloning_weight=1.0)
    sac.update(repeat(make_batch()))
    before = weights_of(sac)
    batch = make_batch(discount=torch.full((32,), 0.9))
    stats = sac.update(repeat(_poisoned(batch, where, value)))
    after = weights_of(sac)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert stats.extra["skipped_updates"] == 1
    assert stats.losses == stats.grad_norms == {}
    assert sac.last_skip_cause == f"batch entry {where.replace('/', '.')}"
    assert sac.consecutive_skips == 1
    clean = sac.update(repeat(make_batch()))
    assert clean.losses.keys() == LOSSES
    assert clean.extra["skipped_updates"] == 1
    assert sac.consecutive_skips == 0
    assert all(value.isfinite().all() for value in weights_of(sac).values())


def test_a_poisoned_batch_spoils_only_its_own_step(make_sac, make_batch):
    sac = make_sac(utd_ratio=3)
    bad = _poisoned(make_batch(), "reward", float("nan"))
    stats = sac.update(iter([make_batch(), bad, make_batch()]))
    assert stats.extra["skipped_updates"] == 1
    assert stats.losses.keys() == LOSSES
    assert sac.optimizers["critic"].state_dict()["state"][0]["step"] == 2


def test_the_seed_fixes_every_bit(make_sac, make_batch, weights_of):
    before = torch.get_rng_state()
    runs = []
    for seed in (1, 1, 2):
        sac = make_sac(seed=seed, num_critics=4, num_subsample_critics=2)
        sac.update(iter([make_batch(seed=0)]))
        torch.rand(seed)  # what others draw must not matter
        for i in range(5):
            sac.update(repeat(make_batch(seed=i)))
        runs.append(weights_of(sac))
    assert all(torch.equal(runs[0][key], runs[1][key]) for key in runs[0])
    assert any(not torch.equal(runs[0][key], runs[2][key]) for key in runs[0])
    torch.set_rng_state(before)
    make_sac().update(repeat(make_batch()))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_state_is_what_the_algorithm_owns(make_sac):
    groups = {"log_alpha", "critic_ensemble", "critic_target", "discrete_critic_target"}
    names = make_sac().state_dict()
    assert {name.split(".")[0] for name in names} == groups
    assert not any("encoder" in name for name in names)


def test_a_state_loads_in_place_and_the_optimisers_keep_their_parameters(make_sac, make_batch):
    source, target = make_sac(seed=1), make_sac(seed=2)
    source.update(repeat(make_batch()))
    parameter = target.log_alpha
    target.load_state_dict(source.state_dict())
    assert all(torch.equal(v, target.state_dict()[k]) for k, v in source.state_dict().items())
    assert target.optimizers["temperature"].param_groups[0]["params"][0] is parameter
    loaded = target.temperature
    target.update(repeat(make_batch()))
    assert target.temperature != loaded
    assert not torch.equal(target.log_alpha, source.log_alpha)
    with pytest.raises(KeyError, match="log_alpha"):
        target.load_state_dict({})


def test_files_carry_the_algorithm(make_sac, make_batch, policy_config, tmp_path):
    sac = make_sac(seed=1, discount=0.5, num_critics=3)
    sac.update(repeat(make_batch()))
    sac.save_pretrained(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    policy = Policy(policy_config(), seed=2)
    again = RLAlgorithm.from_pretrained(tmp_path, policy=policy)
    assert again.config == sac.config
    assert again.optimizers == {}
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in sac.state_dict().items())

    class Other(SACAlgorithm):
        pass

    with pytest.raises(TypeError, match="'sac', not Other"):
        Other.from_pretrained(tmp_path, policy=policy)


def test_weights_reach_an_acting_policy(make_sac, make_batch, policy_config):
    sac, acting = make_sac(), SACAlgorithm(
        policy=Policy(policy_config(), seed=5), config=SACAlgorithmConfig()
    )  # fmt: skip
    sac.update(repeat(make_batch()))
    acting.load_weights(sac.get_weights(), device="cpu")
    state = make_batch()["state"]
    actions = [a.policy.select_action(state, deterministic=True) for a in (sac, acting)]
    assert torch.equal(*actions)


def test_a_config_of_another_algorithm_is_refused(policy_config):
    from hil_app.learning import RLAlgorithmConfig

    with pytest.raises(TypeError, match="SACAlgorithmConfig"):
        SACAlgorithm(policy=Policy(policy_config()), config=RLAlgorithmConfig(type="x"))


def test_stats_start_empty():
    assert TrainingStats().to_log_dict() == {}
