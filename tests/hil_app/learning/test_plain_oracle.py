"""The fast form has the losses, gradients and weights of the plain one."""

import copy
from typing import Any

import pytest
import torch

from hil_app.bench.plain import PlainSAC, plain_critics
from hil_app.learning import Batch, FeatureType, PolicyFeature, SACAlgorithm

CASES: dict[str, dict[str, Any]] = {
    "published": {},
    "no backup entropy": {"use_backup_entropy": False},
    "no discrete critic": {"policy": {"num_discrete_actions": None}},
    "clipped": {"grad_clip_norm": 0.05},
    "not clipped": {"grad_clip_norm": None},
    "cloning": {"behavior_cloning_weight": 0.5},
    "cloning what is as good": {"behavior_cloning_weight": 0.5, "imitation_filter": True},
    "cloning the median": {"behavior_cloning_weight": 0.5, "imitation_error": "absolute"},
    "ensemble": {"num_critics": 5, "num_subsample_critics": 2},
    "two batches, delayed actor": {"utd_ratio": 2, "policy_update_freq": 2},
    "own encoder": {"policy": {"shared_encoder": False}},
    "categorical": {
        "critic_network_kwargs": {"bins": 21, "bin_range": (-1.5, 1.5)},
        "policy": {"discrete_critic_network_kwargs": {"bins": 11, "bin_range": (-2.0, 1.0)}},
        "behavior_cloning_weight": 0.5,
        "actor_lr": 1e-4,
        "critic_lr": 1e-4,
    },
    "several scales": {"policy": {"state_scales": [4.0, 16.0]}},
    "no layer norm": {"layer_norm": False, "policy": {"layer_norm": False}},
    "scaled rewards": {"reward_scale": 3.0},
    "wide enough for oneDNN": {
        "policy": {"latent_dim": 64, "hidden_dims": [256, 256]},
        "actor_lr": 1e-4,  # Adam makes whole steps of rounding errors in gradients near 0
        "critic_lr": 1e-4,
    },
}


class Watched(PlainSAC):
    """Keeps each gradient as its optimiser saw it; a later backward pass adds to some."""

    def _optimizer_step(self, name, loss):
        super()._optimizer_step(name, loss)
        parameters = self.optimizers[name].param_groups[0]["params"]
        self.__dict__.setdefault("gradients", {})[name] = [p.grad.clone() for p in parameters]


def _weights(critics: Any, encoder: Any, policy: Any) -> list[torch.Tensor]:
    return [p.detach() for module in (critics, encoder, policy) for p in module.parameters()]


def _batches(make_batch, count: int, discrete: bool, **info: torch.Tensor) -> list[Batch]:
    batches = [make_batch(64, seed=seed, **info) for seed in range(count)]
    for batch in [] if discrete else batches:
        batch["action"] = batch["action"][:, :3]
    return batches


@pytest.fixture
def drifted(make_sac):
    """An algorithm whose targets are far from the online networks, so mixing them up shows."""

    def make(**changes: Any) -> SACAlgorithm:
        sac = make_sac(temperature_init=0.5, critic_target_update_weight=0.1, **changes)
        draw = torch.Generator().manual_seed(11)
        for module in (sac.critic_target, sac.target_encoder, sac.discrete_critic_target):
            for parameter in module.parameters() if module is not None else ():
                parameter.data += 0.1 * torch.randn(parameter.shape, generator=draw)
        return sac

    return make


@pytest.mark.parametrize("n_step", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_losses_gradients_and_weights_are_those_of_the_plain_form(
    drifted, make_batch, case, n_step
):
    sac = drifted(**CASES[case])
    plain = Watched(sac)
    info = {"discount": 0.9 ** torch.arange(64).remainder(3).add(1)} if n_step else {}
    discrete = sac.discrete_critic_target is not None
    for update in range(4):
        batches = _batches(make_batch, sac.config.utd_ratio, discrete, **info)
        expected = dict(plain.update(batches))
        ours = sac.update(iter(batches)).losses
        if sac.config.utd_ratio == 1:  # of several, we report the mean
            assert ours == pytest.approx({k: expected[k] for k in ours}, rel=1e-5, abs=1e-5)
        if update == 0:
            _same_gradients(sac, plain)
    ours = _weights(plain_critics(sac.critic_ensemble), sac.target_encoder, sac.policy)
    theirs = _weights(plain.critics, plain.target_encoder, plain.policy)
    for left, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)
    assert torch.equal(sac.generator.get_state(), plain.generator.get_state())


def _same_gradients(sac: SACAlgorithm, plain: Watched) -> None:
    """After clipping. The ensemble's are compared member by member, layer by layer."""
    for name in sac.optimizers:
        ours = [p.grad for p in sac.optimizers[name].param_groups[0]["params"]]
        theirs = plain.gradients[name]
        if name == "critic":
            own = len(list(sac.critic_ensemble.parameters()))
            ensemble, ours = copy.deepcopy(sac.critic_ensemble), ours[own:]
            for parameter, source in zip(
                ensemble.parameters(), sac.critic_ensemble.parameters(), strict=True
            ):
                parameter.data = source.grad
            members = list(plain_critics(ensemble).parameters())
            torch.testing.assert_close(members, theirs[: len(members)], rtol=1e-5, atol=1e-5)
            theirs = theirs[len(members) :]
        assert len(ours) == len(theirs)
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_images_through_a_frozen_encoder_are_those_of_the_plain_form(make_sac, make_batch):
    camera = "observation.images.front"
    inputs = {
        "observation.state": PolicyFeature(FeatureType.STATE, (4,)),
        camera: PolicyFeature(FeatureType.VISUAL, (3, 16, 16)),
    }
    sac = make_sac(policy={"input_features": inputs, "freeze_vision_encoder": True})
    plain, batch = PlainSAC(sac), make_batch(16)
    for name in ("state", "next_state"):
        draw = torch.Generator().manual_seed(len(name))
        batch[name][camera] = torch.randint(
            0, 256, (16, 3, 16, 16), generator=draw, dtype=torch.uint8
        )
    maps = sac.get_observation_features(batch["state"], batch["next_state"])
    stored = copy.deepcopy(sac)
    stored.make_optimizers_and_scheduler()
    kept = {"observation.state"}
    for algorithm in (sac, stored):
        if algorithm is stored:  # features in the place of images
            for name, features in zip(("state", "next_state"), maps, strict=True):
                numbers = {key: value for key, value in batch[name].items() if key in kept}
                batch = {**batch, name: {**numbers, **features}}
        else:
            expected = plain.update([batch])
        assert algorithm.update(iter([batch])).losses == pytest.approx(expected, rel=1e-5)
    assert make_sac().get_observation_features(batch["state"], batch["next_state"]) == (None, None)


def test_the_oracle_would_see_a_wrong_target(drifted, make_batch):
    sac = drifted()
    plain = PlainSAC(sac)
    sac.critic_target.critics[0].output.bias.data += 1e-3
    sac.critic_target.critics[1].output.bias.data += 1e-3
    batch = make_batch(64)
    wrong = sac.update(iter([batch])).losses["loss_critic"]
    assert wrong != pytest.approx(plain.update([batch])["loss_critic"], rel=1e-5)
