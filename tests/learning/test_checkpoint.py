"""Checkpoints: what is loaded is what was saved, and there is always a whole one."""

import errno
import json

import pytest
import torch

from hil_app.learning import OBS_ENV_STATE, OBS_STATE, SACAlgorithm
from hil_app.learning.checkpoint import (
    CheckpointError,
    TrainingState,
    load_policy,
    save_checkpoint,
)

DRAW = torch.Generator().manual_seed(3)
SEEN = {
    OBS_STATE: torch.randn(20, 4, generator=DRAW),
    OBS_ENV_STATE: torch.randn(20, 2, generator=DRAW),
}


def actions(policy):
    return policy.select_action(SEEN, deterministic=True)


@pytest.fixture
def trained(make_sac, make_batch):
    """An algorithm whose policy is not the untrained one of its seed."""
    algorithm = make_sac(seed=1)
    for _ in range(3):
        algorithm.update(iter([make_batch()]))
    return algorithm


@pytest.fixture
def folder(trained, tmp_path):
    """A whole checkpoint after 11 ticks."""
    path = tmp_path / "checkpoint"
    save_checkpoint(path, trained, TrainingState(ticks=11, updates=3))
    return path


def test_what_is_loaded_is_what_was_saved(trained, folder):
    loaded = load_policy(folder, seed=99)
    assert loaded.config == trained.policy.config
    assert torch.equal(actions(loaded), actions(trained.policy))
    assert json.loads((folder / "state.json").read_text()) == {"ticks": 11, "updates": 3}
    again = SACAlgorithm.from_pretrained(folder / "algorithm", policy=loaded)
    saved, own = trained.state_dict(), again.state_dict()
    assert own.keys() == saved.keys()
    assert all(torch.equal(own[key], saved[key]) for key in saved)


def test_the_seed_fixes_the_sampling(folder):
    first, same, other = (load_policy(folder, seed).select_action(SEEN) for seed in (5, 5, 6))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_newer_checkpoint_takes_the_place_of_the_older(trained, folder, make_batch):
    before = actions(trained.policy)
    trained.update(iter([make_batch()]))
    save_checkpoint(folder, trained, TrainingState(ticks=22, updates=4))
    assert not torch.equal(actions(load_policy(folder, 0)), before)
    assert json.loads((folder / "state.json").read_text())["ticks"] == 22
    assert [path.name for path in folder.parent.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize(
    ("thrown", "caught"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), CheckpointError),
    ],
)
def test_a_save_that_is_cut_off_leaves_the_old_one_whole(
    trained, folder, make_batch, monkeypatch, thrown, caught
):
    before = actions(trained.policy)
    trained.update(iter([make_batch()]))
    assert not torch.equal(actions(trained.policy), before)

    def cut_off(directory):
        assert (directory.parent / "policy" / "model.safetensors").is_file()  # half is written
        raise thrown

    monkeypatch.setattr(trained, "save_pretrained", cut_off)
    with pytest.raises(caught) as refused:
        save_checkpoint(folder, trained, TrainingState(ticks=22, updates=4))
    assert torch.equal(actions(load_policy(folder, 0)), before)
    assert json.loads((folder / "state.json").read_text())["ticks"] == 11
    assert [path.name for path in folder.parent.iterdir()] == ["checkpoint"]
    if caught is CheckpointError:
        message = str(refused.value)
        assert str(folder) in message
        assert "No space left" in message
        assert "free some space or choose another --output_dir" in message
        assert "\n" not in message


def _missing(folder):
    (folder / "policy").rename(folder / "elsewhere")


def _without_a_model(folder):
    (folder / "policy" / "model.safetensors").unlink()


def _cut_model(folder):
    model = folder / "policy" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-100])


def _empty_model(folder):
    (folder / "policy" / "model.safetensors").write_bytes(b"")


def _no_json(folder):
    (folder / "policy" / "config.json").write_text('{"latent_dim": 8,\n')


def _no_text(folder):
    (folder / "policy" / "config.json").write_bytes(b"\xff\xfe\x00")


def _no_features(folder):
    (folder / "policy" / "config.json").write_text("{}")


def _other_size(folder):
    config = folder / "policy" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"latent_dim": 9}))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_missing, "expected a folder 'policy'"),
        (_without_a_model, "damaged"),
        (_cut_model, "damaged"),
        (_empty_model, "damaged"),
        (_no_json, "damaged"),
        (_no_text, "damaged"),
        (_no_features, "damaged"),
        (_other_size, "damaged"),
    ],
)
def test_an_unusable_checkpoint_is_refused_in_one_line(folder, spoil, says):
    load_policy(folder, 0)
    spoil(folder)
    with pytest.raises(CheckpointError) as refused:
        load_policy(folder, 0)
    message = str(refused.value)
    assert says in message
    assert str(folder) in message
    assert "\n" not in message


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*/nowhere: expected a folder"):
        load_policy(tmp_path / "nowhere", 0)
