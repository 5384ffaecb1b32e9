"""A trained policy for other programs: the same actions there, or a refusal that says why."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lerobot_env import LeRobot, environment
from safetensors.numpy import load_file
from sample_runs import tiny

from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from hil_app.__main__ import main
from hil_app.learning.checkpoint import load_policy
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.runs.export import onnx_file
from hil_app.runs.export.acting import ExportError, Recorded
from hil_app.runs.export.to_lerobot import export_lerobot
from hil_app.runs.folder import find_checkpoint, updates_of
from hil_app.runs.session import Session
from hil_app.runs.training import Training

PIXELS = {
    "robot": {"cameras": {"front": {"view": "front", "width": 32, "height": 24}}},
    "policy": {"image_encoder_hidden_dim": 4, "image_size": 16},
}


def trained(folder: Path, **changes: Any) -> Path:
    with Session(tiny(folder, **changes), "train") as session:
        Training(session).run()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("export") / "run")


def read(run: Path) -> tuple[GaussianActorPolicy, Recorded]:
    policy = load_policy(find_checkpoint(run), seed=0)
    return policy, Recorded.read(run / "dataset", policy)


def stacked(policy: GaussianActorPolicy, recorded: Recorded) -> dict[str, Any]:
    keys = policy.config.observation_keys
    return {key: np.stack([seen[key] for seen in recorded.observations]) for key in keys}


def acts_alike_in_onnxruntime(path: Path, run: Path) -> None:
    import onnxruntime

    policy, recorded = read(run)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (actions,) = session.run(["action"], stacked(policy, recorded))  # all at once
    np.testing.assert_allclose(actions, recorded.actions, atol=1e-5)


# ONNX


def test_an_onnx_file_acts_as_the_policy_does_at_recorded_observations(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx

    path = tmp_path / "new" / "policy.onnx"
    assert main(["export", str(run), "--onnx", str(path)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert f"{path}: differs by at most " in said.out
    acts_alike_in_onnxruntime(path, run)
    (facts,) = [p.value for p in onnx.load(path).metadata_props if p.key == "hil_app"]
    assert json.loads(facts)["updates"] == updates_of(find_checkpoint(run))
    assert json.loads(facts)["names"]["action"] == ["delta_x", "delta_y", "delta_z", "gripper"]


@pytest.mark.slow
def test_an_onnx_file_takes_images_as_the_loop_has_them(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", **PIXELS)
    assert main(["export", str(run), "--onnx", str(tmp_path / "a.onnx")]) == 0
    acts_alike_in_onnxruntime(tmp_path / "a.onnx", run)


@pytest.mark.parametrize(("wrong", "told"), [((0, 0.01), "at most"), ((-1, 1), "the gripper at 1")])
def test_an_onnx_file_that_acts_otherwise_is_refused_and_not_kept(
    run: Path, tmp_path: Path, wrong: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, recorded = read(run)
    actions = recorded.actions.copy()
    actions[0, wrong[0]] += wrong[1]
    monkeypatch.setattr(onnx_file, "_converted", lambda *_: b"")
    monkeypatch.setattr(onnx_file, "_run", lambda *_: actions)
    with pytest.raises(ExportError, match=told):
        onnx_file.export_onnx(policy, recorded, {}, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_an_export_cannot_do_is_said_in_a_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(run, bare, ignore=shutil.ignore_patterns("dataset"))
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # type: ignore[arg-type]
    for arguments, told in (
        ([str(run)], "name what to export to"),
        ([str(run), "--public", "--onnx", "a.onnx"], "--public is for --push"),
        ([str(run), "--lerobot", str(tmp_path)], "is there already"),
        ([str(run), "--push", "no name"], "USER/NAME"),
        ([str(run), "--onnx", str(tmp_path / "a.onnx")], "onnxscript is not installed"),
        ([str(tmp_path), "--onnx", "a.onnx"], "no run's folder"),
    ):
        assert main(["export", *arguments]) != 0
        said = capsys.readouterr().err
        assert told in said
        assert said.count("\n") == 1
    monkeypatch.undo()
    assert main(["export", str(bare), "--onnx", str(tmp_path / "a.onnx")]) == 1
    assert "is no dataset" in capsys.readouterr().err
    assert not (tmp_path / "a.onnx").exists()


# lerobot


def a_policy(**changes: Any) -> GaussianActorPolicy:
    usual = {
        "input_features": {"observation.state": PolicyFeature(FeatureType.STATE, (2,))},
        "output_features": {"action": PolicyFeature(FeatureType.ACTION, (2,))},
        "latent_dim": 8,
        "hidden_dims": [8],
    }
    return GaussianActorPolicy(GaussianActorConfig(**{**usual, **changes}))


STATE, IMAGE = (
    PolicyFeature(FeatureType.STATE, (2,)),
    PolicyFeature(FeatureType.VISUAL, (3, 24, 32)),
)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"input_features": {"observation.state": STATE, "observation.images.front": IMAGE}},
            "looks at images through another network",
        ),
        ({"input_features": {"observation.effort": STATE}}, "it needs observation.state"),
        (
            {"input_features": {"observation.state": STATE, "observation.effort": STATE}},
            "does not look at observation.effort",
        ),
        ({"layer_norm": False}, "always have LayerNorm"),
        ({"state_encoder_hidden_dim": 8}, "have no hidden layer"),
        ({"state_scales": [4.0]}, "read numbers at one scale"),
        ({"use_tanh_squash": False}, "always squashed"),
    ],
)
def test_lerobot_is_given_no_policy_that_it_has_no_networks_for(
    changes: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=f"{why}.*; --onnx can"):
        export_lerobot(a_policy(**changes), "", tmp_path / "refused")
    assert list(tmp_path.iterdir()) == []


def test_what_lerobot_is_given_has_no_critics_and_a_width_for_every_range(
    run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "lerobot"
    assert main(["export", str(run), "--lerobot", str(folder)]) == 0
    names = set(load_file(folder / "model.safetensors"))
    assert {name.split(".")[0] for name in names} == {
        "actor",
        "discrete_critic",
        "discrete_critic_target",
    }
    (stats,) = folder.glob("policy_preprocessor_*.safetensors")
    ranges = load_file(stats)
    assert (ranges["observation.state.max"] > ranges["observation.state.min"]).all()
    assert "action.min" not in ranges  # it is the policy's own
    assert "after" in (folder / "README.md").read_text()


def test_a_choice_beside_scaled_motions_has_a_range_that_leaves_it_as_it_is(tmp_path: Path) -> None:
    stats = {"action": {"min": [0.0, 5.0], "max": [4.0, 5.0]}}
    policy = a_policy(dataset_stats=stats, num_discrete_actions=3)
    export_lerobot(policy, "", tmp_path / "lerobot")
    (file,) = (tmp_path / "lerobot").glob("policy_postprocessor_*.safetensors")
    ranges = load_file(file)
    assert ranges["action.min"].tolist() == [0, 4, -1]  # a range that is none has a width, too
    assert ranges["action.max"].tolist() == [4, 6, 1]


@pytest.fixture(scope="module")
def lerobot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeRobot]:
    work = tmp_path_factory.mktemp("lerobot")
    yield LeRobot(environment(work), work)
    shutil.rmtree(work)  # more than a gigabyte


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shared", [True, False], ids=["shared encoder", "own encoder"])
def test_lerobot_acts_as_the_policy_does_at_recorded_observations(
    shared: bool, lerobot: LeRobot, tmp_path: Path
) -> None:
    run = trained(tmp_path / "run", policy={"shared_encoder": shared})
    folder = tmp_path / f"shared_{shared}"
    assert main(["export", str(run), "--lerobot", str(folder)]) == 0
    policy, recorded = read(run)
    found = lerobot.act_sac(folder, stacked(policy, recorded))
    assert found["unknown"] == []
    difference = recorded.difference(policy, np.array(found["actions"], np.float32))
    assert difference.observations > 20
    difference.check()


# the hub


class Hub:
    """Stands in for the hub: keeps what is uploaded."""

    def __init__(self, place: Path) -> None:
        self.place, self.private, self.card = place, True, b""

    def create_repo(self, repo: str, *, repo_type: str, private: bool, exist_ok: bool) -> None:
        assert (repo, repo_type, exist_ok) == ("ann/lift", "model", True)
        self.private = self.private and private

    def repo_info(self, repo: str, *, repo_type: str) -> SimpleNamespace:
        return SimpleNamespace(private=self.private, id=f"{repo_type}:{repo}")

    def upload_folder(self, *, folder_path: str, **_: Any) -> None:
        shutil.copytree(folder_path, self.place)

    def file_exists(self, *_: str, **__: str) -> bool:
        return False

    def upload_file(self, *, path_or_fileobj: bytes, **_: str) -> None:
        self.card = path_or_fileobj


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    found = Hub(tmp_path / "hub")
    client: Any = ModuleType("huggingface_hub")
    client.HfApi = lambda: found
    client.errors = ModuleType("huggingface_hub.errors")
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", client.errors)
    return found


def test_a_pushed_policy_is_a_run_that_can_be_evaluated_elsewhere(
    hub: Hub, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), "--push", "ann/lift"]) == 0
    assert "https://huggingface.co/ann/lift (private)" in capsys.readouterr().out
    assert b"hf download ann/lift --local-dir runs/lift" in hub.card
    checkpoint = find_checkpoint(hub.place)
    there, here = load_policy(checkpoint, seed=0), load_policy(find_checkpoint(run), seed=0)
    assert there.state_dict().keys() == here.state_dict().keys()
    assert updates_of(checkpoint) == updates_of(find_checkpoint(run))
    assert not (hub.place / "dataset").exists()
    options = ["--eval.episodes=1", "--eval.video=false", "--env.control_time_s=1"]
    assert main(["eval", str(hub.place), *options]) == 0


def test_a_public_repository_gets_a_policy_only_if_that_is_said(
    hub: Hub, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.private = False
    assert main(["export", str(run), "--push", "ann/lift"]) == 1
    assert "ann/lift is public: everybody would see the policy" in capsys.readouterr().err
    assert not hub.place.exists()
    assert main(["export", str(run), "--push", "ann/lift", "--public"]) == 0
