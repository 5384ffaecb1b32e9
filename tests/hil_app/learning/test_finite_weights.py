"""Weights that are not finite are never handed out, kept, loaded or acted with."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from sample_learner import MODES, FakeTrainer, assemble, frame
from waiting import until

from hil_app.control.policy import LearnedPolicy
from hil_app.learning import (
    OBS_IMAGES,
    FeatureType,
    GaussianActorPolicy,
    PolicyFeature,
    RLAlgorithm,
    manifest,
)
from hil_app.learning.checkpoint import CheckpointError, Snapshot, load, load_policy, own_tensors
from hil_app.learning.checkpoint import save as save_checkpoint
from hil_app.learning.health import LearnerDied
from hil_app.learning.mailbox import Mailbox
from hil_app.learning.networks.vision import VisionError, make_vision_encoder
from hil_app.learning.networks.weights import check_finite

BAD = pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])


def spoil(path, bad=float("nan")):
    """Make the last entry of a file's last tensor of floats a bad one; returns its name."""
    tensors = load_file(path)
    name = [key for key, tensor in tensors.items() if tensor.is_floating_point()][-1]
    tensors[name].view(-1)[-1] = bad
    save_file(tensors, path)
    return name


@BAD
def test_any_bad_entry_is_found_and_named(bad):
    tensors = {"first": torch.ones(3), "steps": torch.tensor(3), "last": torch.ones(2, 2)}
    check_finite(tensors, "here")
    tensors["last"][1, 0] = bad
    with pytest.raises(ValueError, match=r"^here: last has numbers that are not finite$"):
        check_finite(tensors, "here")


@BAD
def test_a_mailbox_keeps_the_last_good_weights(make_sac, bad):
    algorithm, mailbox = make_sac(), Mailbox()
    good = algorithm.get_weights()
    mailbox.publish(1, good)
    broken = algorithm.get_weights()
    broken["discrete_critic"]["head.1.bias"][2] = bad
    with pytest.raises(ValueError, match=r"discrete_critic: head\.1\.bias"):
        mailbox.publish(2, broken)
    assert mailbox.version == 1
    assert mailbox.newer_than(0).weights is good


def test_a_policy_takes_all_of_the_weights_or_none(make_sac):
    acting, algorithm = make_sac(seed=1).policy, make_sac(seed=2)
    before = {k: v.clone() for k, v in acting.state_dict().items()}
    wrong = [algorithm.get_weights() for _ in range(3)]
    wrong[0]["discrete_critic"]["head.1.bias"][0] = torch.nan
    wrong[1]["discrete_critic"]["head.1.bias"] = torch.zeros(4)
    del wrong[2]["discrete_critic"]["head.1.bias"]
    for weights, error in zip(wrong, (ValueError, ValueError, KeyError), strict=True):
        with pytest.raises(error, match=r"head\.1\.bias"):
            acting.load_actor_weights(weights)
    assert all(torch.equal(before[k], v) for k, v in acting.state_dict().items())


def test_weights_of_other_networks_end_the_run_in_one_line(make_sac):
    mailbox, acting = Mailbox(), make_sac().policy
    policy = LearnedPolicy(acting, mailbox, deterministic=True)
    mailbox.publish(1, make_sac(policy={"hidden_dims": [16, 8]}).get_weights())
    with pytest.raises(LearnerDied, match=r"of other networks: .*has shape"):
        policy.refresh()
    assert policy.version == 0


class Exploding(FakeTrainer):
    """Its weights are not finite in updates of these numbers, from 1."""

    last_skip_cause = None

    def __init__(self, *bad):
        super().__init__()
        self.bad = bad

    def get_weights(self):
        last = torch.nan if self.updates in self.bad else float(self.updates)
        return {"policy": {"w": torch.tensor([1.0, last])}}


@MODES
def test_a_learner_hands_out_good_weights_only_and_tells_of_it_once(mode):
    run = assemble(Exploding(2, 3, 5), mode=mode)
    with run.learner:
        run.learner.offer(frame(1))
        for tick in range(2, 7):
            run.learner.offer(frame(tick))
        until(lambda: run.trainer.updates >= 6)
    assert run.learner.progress.stats["weights_withheld"] == 3
    (reported,) = [event for event in run.heard if event["event"] == "weights_withheld"]
    assert (reported["updates"], reported["cause"]) == (
        2,
        "policy: w has numbers that are not finite",
    )
    newest = run.learner.mailbox.newer_than(0)
    assert newest.version == newest.weights["policy"]["w"][1] >= 6


def test_too_many_in_a_row_end_the_run():
    run = assemble(Exploding(*range(3, 99)), max_skipped_updates=4)

    def offer_on():
        for tick in range(1, 99):
            run.learner.offer(frame(tick))

    message = "weights of 4 updates in a row were not finite"
    with pytest.raises(LearnerDied, match=message), run.learner:
        offer_on()
    assert run.trainer.updates == 6
    assert run.learner.mailbox.version == 2


def test_no_snapshot_is_kept_that_nothing_could_go_on_from(make_sac):
    from test_learner_state import real

    run, kept = real(make_sac), []
    with run.learner:
        run.learner.offer(frame(1, ends=True))
        run.learner.snapshot(kept.append)
        head = run.learner._trainer.algorithm.critic_ensemble.critics[1].output
        torch.nn.init.constant_(head.bias, torch.inf)
        run.learner.snapshot(kept.append)
    assert len(kept) == 1
    assert [event["event"] for event in run.heard] == ["weights_withheld"]
    assert "critic_ensemble.critics.1.output.bias" in run.heard[0]["cause"]


@pytest.fixture
def folder(make_sac, tmp_path):
    """A checkpoint."""
    algorithm = make_sac()
    tensors = {
        "policy": own_tensors(algorithm.policy),
        "algorithm": algorithm.state_dict(),
        "training": algorithm.training_state(),
        "online": {"next": torch.tensor(0), "rows.reward": torch.tensor([torch.nan])},
    }
    configs = {
        "policy": algorithm.policy.config.model_dump_json(),
        "algorithm": algorithm.config.model_dump_json(),
    }
    save_checkpoint(Snapshot({"ticks": 1}, configs, tensors), tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@BAD
@pytest.mark.parametrize("name", ["policy/model", "algorithm/model", "training"])
def test_a_checkpoint_with_a_bad_weight_is_refused_by_file_and_tensor(folder, name, bad):
    load(folder)  # a sensor that said nan is no damage
    tensor = spoil(folder / f"{name}.safetensors", bad)
    manifest.write(folder, manifest.read(folder))  # as if it had been written so
    with pytest.raises(CheckpointError, match=rf"{name}\.safetensors: {tensor} has numbers"):
        load(folder)
    if name == "policy/model":
        with pytest.raises(CheckpointError, match=rf"model\.safetensors: {tensor} has numbers"):
            load_policy(folder, seed=0)


def test_saved_policies_and_algorithms_are_checked_as_they_are_loaded(make_sac, tmp_path):
    algorithm = make_sac()
    algorithm.policy.save_pretrained(tmp_path / "policy")
    algorithm.save_pretrained(tmp_path / "algorithm")
    GaussianActorPolicy.from_pretrained(tmp_path / "policy")
    tensor = spoil(tmp_path / "policy" / "model.safetensors")
    with pytest.raises(ValueError, match=rf"policy/model\.safetensors: {tensor} has"):
        GaussianActorPolicy.from_pretrained(tmp_path / "policy")
    RLAlgorithm.from_pretrained(tmp_path / "algorithm", policy=algorithm.policy)
    tensor = spoil(tmp_path / "algorithm" / "model.safetensors")
    with pytest.raises(ValueError, match=rf"algorithm/model\.safetensors: {tensor} has"):
        RLAlgorithm.from_pretrained(tmp_path / "algorithm", policy=algorithm.policy)


def test_the_weights_of_a_vision_encoder_are_checked_too(policy_config, tmp_path):
    key = f"{OBS_IMAGES}.front"
    features = {key: PolicyFeature(FeatureType.VISUAL, (3, 16, 16))}
    config = policy_config(input_features=features, image_encoder_hidden_dim=4)
    body = make_vision_encoder(config, key, torch.Generator()).body
    path = tmp_path / "vision.safetensors"
    save_file(body.state_dict(), path)
    given = config.model_copy(update={"vision_encoder_weights": str(path)})
    make_vision_encoder(given, key, torch.Generator())
    tensor = spoil(path)
    with pytest.raises(VisionError, match=rf"vision\.safetensors: {tensor} has numbers"):
        make_vision_encoder(given, key, torch.Generator())


def test_a_config_may_come_in_the_place_of_the_saved_one(make_sac, tmp_path):
    algorithm = make_sac(actor_lr=1e-4)
    algorithm.policy.save_pretrained(tmp_path / "policy")
    algorithm.save_pretrained(tmp_path / "algorithm")
    shutil.move(tmp_path / "policy" / "config.json", tmp_path / "own.json")
    own = json.loads((tmp_path / "own.json").read_text())
    config = type(algorithm.policy.config).model_validate({**own, "std_max": 2.0})
    policy = GaussianActorPolicy.from_pretrained(tmp_path / "policy", config=config)
    assert policy.config.std_max == 2.0
    same = algorithm.policy.state_dict()
    assert all(torch.equal(value, same[key]) for key, value in policy.state_dict().items())
    changed = algorithm.config.model_copy(update={"actor_lr": 0.5})
    again = RLAlgorithm.from_pretrained(tmp_path / "algorithm", policy=policy, config=changed)
    assert again.config.actor_lr == 0.5
    assert again.make_optimizers_and_scheduler()["actor"].param_groups[0]["lr"] == 0.5
    wider = config.model_copy(update={"hidden_dims": [32, 32]})
    with pytest.raises(RuntimeError, match="size mismatch"):
        GaussianActorPolicy.from_pretrained(tmp_path / "policy", config=wider)


def test_what_would_not_be_finite_once_taken_over_counts_as_not_finite(make_sac):
    huge = {"w": torch.full((2,), 1e300, dtype=torch.float64)}
    with pytest.raises(ValueError, match="here: w has numbers that are not finite"):
        check_finite(huge, "here")
    weights = make_sac().get_weights()
    weights["policy"]["head.bias"] = weights["policy"]["head.bias"].double() + 1e300
    with pytest.raises(ValueError, match=r"policy: head\.bias"):
        make_sac().policy.load_actor_weights(weights)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_real_numbers_are_taken(tmp_path, make_sac, kind):
    own = make_sac(seed=1)
    own.policy.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    save_file({name: tensor.to(kind) for name, tensor in load_file(file).items()}, file)
    policy = GaussianActorPolicy.from_pretrained(tmp_path)
    expected = own.policy.actor.head.weight.to(kind).float()
    assert torch.equal(policy.actor.head.weight, expected)


def test_whole_numbers_are_no_weights(tmp_path, make_sac):
    """They are what is left of weights that were once rounded."""
    own, policy_at, algorithm_at = make_sac(), tmp_path / "policy", tmp_path / "algorithm"
    own.policy.save_pretrained(policy_at)
    own.save_pretrained(algorithm_at)
    for folder in (policy_at, algorithm_at):
        file = folder / "model.safetensors"
        save_file({name: tensor.int() for name, tensor in load_file(file).items()}, file)
    weights = own.get_weights()
    weights["policy"]["head.bias"] = weights["policy"]["head.bias"].int()
    for load_them in (
        lambda: GaussianActorPolicy.from_pretrained(policy_at),
        lambda: RLAlgorithm.from_pretrained(algorithm_at, policy=own.policy),
        lambda: own.policy.load_actor_weights(weights),
    ):
        with pytest.raises(ValueError, match=r"is torch\.int32, not torch\.float32"):
            load_them()


def test_a_file_that_is_cut_off_is_named(tmp_path, make_sac):
    own = make_sac()
    own.policy.save_pretrained(tmp_path)
    for size in (0, 5, 1000):
        with (tmp_path / "model.safetensors").open("r+b") as file:
            file.truncate(size)
        with pytest.raises(ValueError, match=r"model\.safetensors is no whole safetensors file"):
            GaussianActorPolicy.from_pretrained(tmp_path)


def test_a_training_state_that_is_not_finite_is_refused_whole(make_sac, make_batch):
    own, other = make_sac(), make_sac()
    own.update(iter([make_batch()]))
    state, before = own.training_state(), other.training_state()
    name = next(key for key in state if key.endswith("exp_avg"))
    with pytest.raises(ValueError, match=r"training state: .*exp_avg has numbers"):
        other.load_training_state({**state, name: state[name] * torch.nan})
    assert all(torch.equal(value, before[key]) for key, value in other.training_state().items())


def test_one_number_may_have_any_shape_of_one(make_sac):
    algorithm = make_sac()
    parameter = algorithm.log_alpha
    algorithm.load_state_dict({**algorithm.state_dict(), "log_alpha": torch.tensor([0.5])})
    assert algorithm.log_alpha is parameter
    assert parameter.item() == 0.5
