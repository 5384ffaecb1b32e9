"""Checkpoints on disk: what is loaded is what was saved, whole or not at all."""

import errno
import json
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from hil_app.learning import OBS_ENV_STATE, OBS_IMAGES, OBS_STATE, ReplayBuffer, SACAlgorithm
from hil_app.learning.checkpoint import (
    CheckpointError,
    Snapshot,
    load,
    load_policy,
    load_state,
    own_tensors,
    save,
)
from hil_app.learning.networks.weights import copy_into, cpu_copy

DRAW = torch.Generator().manual_seed(3)
SEEN = {
    OBS_STATE: torch.randn(20, 4, generator=DRAW),
    OBS_ENV_STATE: torch.randn(20, 2, generator=DRAW),
}


def actions(policy):
    return policy.select_action(SEEN, deterministic=True)


def snapshot(algorithm, blocks=(), **state):
    """As the learner takes it, with images in an online buffer."""
    images = {f"blocks.observation.images.front.{n}": block for n, block in enumerate(blocks)}
    return Snapshot(
        state={"ticks": 11, **state},
        configs={
            "policy": algorithm.policy.config.model_dump_json(),
            "algorithm": algorithm.config.model_dump_json(),
        },
        tensors={
            "policy": cpu_copy(own_tensors(algorithm.policy)),
            "algorithm": cpu_copy(algorithm.state_dict()),
            "training": algorithm.training_state(),
            "online": {"next": torch.tensor(5), "rows.reward": torch.arange(5.0), **images},
        },
    )


def block(number):
    return torch.full((2, 3, 4), number, dtype=torch.uint8)


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
    path = tmp_path / "checkpoints" / "tick_000011"
    save(snapshot(trained, [block(1), block(2)]), path)
    return path


def test_what_is_loaded_is_what_was_saved(trained, folder):
    loaded = load_policy(folder, seed=99)
    assert loaded.config == trained.policy.config
    assert torch.equal(actions(loaded), actions(trained.policy))
    again = SACAlgorithm.from_pretrained(folder / "algorithm", policy=loaded)
    saved, own = trained.state_dict(), again.state_dict()
    assert own.keys() == saved.keys()
    assert all(torch.equal(own[key], saved[key]) for key in saved)


def test_every_tensor_and_the_state_come_back(trained, folder):
    written, read = snapshot(trained, [block(1), block(2)]), load(folder)
    assert read.state == {"ticks": 11}
    assert read.configs == written.configs
    assert read.tensors.keys() == written.tensors.keys()
    for group, tensors in written.tensors.items():
        assert read.tensors[group].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert read.tensors[group][name].dtype == tensor.dtype
            assert torch.equal(read.tensors[group][name], tensor), (group, name)


def test_networks_that_share_an_encoder_come_back_sharing_it(trained, folder, make_sac):
    assert trained.policy.config.shared_encoder
    other = make_sac(seed=2).policy
    assert not torch.equal(actions(other), actions(trained.policy))
    copy_into(own_tensors(other), load(folder).tensors["policy"])
    assert torch.equal(actions(other), actions(trained.policy))
    assert other.actor.encoder is other.encoder


def test_the_policy_loads_without_the_buffers_being_read(trained, folder):
    for file in folder.rglob("*.safetensors"):
        if file.parent.name != "policy":
            file.write_bytes(b"")
    assert torch.equal(actions(load_policy(folder, seed=0)), actions(trained.policy))


def test_the_seed_fixes_the_sampling(folder):
    first, same, other = (load_policy(folder, seed).select_action(SEEN) for seed in (5, 5, 6))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_block_that_has_not_changed_is_linked_and_every_other_one_written(trained, tmp_path):
    same, first, second = block(1), block(2), block(3)
    one, two = tmp_path / "one", tmp_path / "two"
    saved = save(snapshot(trained, [same, first]), one)
    save(snapshot(trained, [same, second, block(4)]), two, saved)
    files = sorted((two / "online").iterdir())
    assert [file.stat().st_nlink for file in files] == [2, 1, 1]
    assert [load_file(file)["block"][0, 0, 0].item() for file in files] == [1, 3, 4]
    for file in one.rglob("*"):
        if file.is_file():
            file.unlink()  # as when the older one is removed
    assert load(two).tensors["online"].keys() >= {"blocks.observation.images.front.0"}


def test_where_links_do_not_work_a_block_is_copied(trained, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    same = block(1)
    saved = save(snapshot(trained, [same]), tmp_path / "one")
    save(snapshot(trained, [same]), tmp_path / "two", saved)
    (file,) = (tmp_path / "two" / "online").iterdir()
    assert file.stat().st_nlink == 1
    assert torch.equal(load_file(file)["block"], same)


@pytest.mark.parametrize(
    ("thrown", "caught"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), CheckpointError),
    ],
)
def test_a_save_that_is_cut_off_leaves_the_older_one_and_nothing_else(
    trained, folder, make_batch, monkeypatch, thrown, caught
):
    before = actions(trained.policy)
    trained.update(iter([make_batch()]))
    assert not torch.equal(actions(trained.policy), before)
    halves = []

    def cut_off(_):
        halves.extend(path for path in folder.parent.glob("*.part/policy/*"))
        raise thrown

    monkeypatch.setattr("hil_app.support.files.os.fsync", cut_off)
    with pytest.raises(caught) as refused:
        save(snapshot(trained), folder.with_name("tick_000022"))
    assert len(halves) == 2
    assert torch.equal(actions(load_policy(folder, 0)), before)
    assert load(folder).state["ticks"] == 11
    assert [path.name for path in folder.parent.iterdir()] == ["tick_000011"]
    if caught is CheckpointError:
        message = str(refused.value)
        assert "tick_000022" in message
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


POLICY_FAULTS = [
    (_missing, "expected a folder 'policy'"),
    (_without_a_model, "damaged"),
    (_cut_model, "damaged"),
    (_empty_model, "damaged"),
    (_no_json, "damaged"),
    (_no_text, "damaged"),
    (_no_features, "damaged"),
    (_other_size, "damaged"),
]


@pytest.mark.parametrize(("spoil", "says"), POLICY_FAULTS)
def test_an_unusable_policy_is_refused_in_one_line(folder, spoil, says):
    load_policy(folder, 0)
    spoil(folder)
    with pytest.raises(CheckpointError) as refused:
        load_policy(folder, 0)
    message = str(refused.value)
    assert says in message
    assert str(folder) in message
    assert "\n" not in message


def _no_state(folder):
    (folder / "state.json").unlink()


def _half_a_state(folder):
    state = (folder / "state.json").read_text()
    (folder / "state.json").write_text(state[: len(state) // 2])


def _no_block(folder):
    next((folder / "online").iterdir()).unlink()


def _cut_buffer(folder):
    buffer = folder / "online.safetensors"
    buffer.write_bytes(buffer.read_bytes()[:-1])


def _longer_file(folder):
    with (folder / "training.safetensors").open("ab") as file:
        file.write(b"x")


def _zeroed_file(folder):
    file = folder / "training.safetensors"
    file.write_bytes(bytes(file.stat().st_size))


def _a_bit_of_a_weight(folder):
    _flip(folder / "algorithm" / "model.safetensors", -3)


def _a_bit_of_the_state(folder):
    _flip(folder / "state.json", 12)


def _flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _half_a_manifest(folder):
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest[: len(manifest) // 2])


def _a_manifest_of_long_names(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("model.safetensors", 400 * "model.safetensors"))


def _strange_manifest(folder):
    (folder / "manifest.json").write_text("[1, 2]")


@pytest.mark.parametrize(
    "spoil",
    [
        _missing,
        _without_a_model,
        _cut_model,
        _empty_model,
        _no_state,
        _half_a_state,
        _no_block,
        _cut_buffer,
        _longer_file,
        _zeroed_file,
        _a_bit_of_a_weight,
        _a_bit_of_the_state,
        _half_a_manifest,
        _a_manifest_of_long_names,
        _strange_manifest,
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line_that_names_the_others(folder, trained, spoil):
    save(snapshot(trained), folder.with_name("tick_000022"))
    load(folder)
    spoil(folder)
    with pytest.raises(CheckpointError) as refused:
        load(folder)
    message = str(refused.value)
    assert "damaged" in message
    assert str(folder) in message
    assert f"--checkpoint={folder.with_name('tick_000022')}" in message
    assert "\n" not in message
    assert len(message) < 1000


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*/nowhere: expected a folder"):
        load_policy(tmp_path / "nowhere", 0)
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*/nowhere: it has no manifest"):
        load(tmp_path / "nowhere")


def images(number):
    """Two cameras' images that tell themselves apart."""
    ramp = torch.arange(8 * 8 * 3).reshape(3, 8, 8) % 97
    return {
        f"{OBS_IMAGES}.{name}": (ramp + 20 * number + shift).to(torch.uint8)
        for name, shift in (("front", 0), ("wrist", 7))
    }


def a_buffer(seed=0):
    keys = (f"{OBS_IMAGES}.wrist", f"{OBS_IMAGES}.front", OBS_STATE)
    buffer = ReplayBuffer(6, state_keys=keys, use_drq=True, image_pad=2, seed=seed)

    def add(number):
        state, after = (
            {**images(n), OBS_STATE: torch.full((4,), float(n))} for n in (number, number + 1)
        )
        buffer.add(state, torch.zeros(4), 1.0, after, done=False, truncated=False)

    return buffer, add


def test_a_buffer_of_images_draws_on_from_disk_as_if_nothing_had_been(trained, tmp_path):
    """Trap 9. Names come back from a file in another order; each image draws its own shift."""
    buffer, add = a_buffer()
    for number in range(9):  # the ring has gone round
        add(number)
    taken = snapshot(trained)
    save(replace(taken, tensors={"online": buffer.state_dict()}), tmp_path / "one")
    other, add_to_other = a_buffer(seed=5)
    other.load_state_dict(load(tmp_path / "one").tensors["online"])
    for number in range(9, 14):
        one, two = buffer.sample(16), other.sample(16)
        for group in ("state", "next_state"):
            for key, value in one[group].items():
                assert torch.equal(value, two[group][key]), (number, key)
        add(number)
        add_to_other(number)


def test_a_policy_and_a_state_are_refused_if_a_bit_of_them_has_flipped(folder):
    _flip(folder / "policy" / "model.safetensors", -1)
    with pytest.raises(CheckpointError, match=r"policy/model\.safetensors is not as it was"):
        load_policy(folder, 0)
    _a_bit_of_the_state(folder)
    with pytest.raises(CheckpointError, match=r"state\.json is not as it was written"):
        load_state(folder)


def test_a_checkpoint_of_a_version_without_checksums_loads(folder):
    entries = json.loads((folder / "manifest.json").read_text())
    sizes = {name: entry["bytes"] for name, entry in entries.items()}
    (folder / "manifest.json").write_text(json.dumps(sizes))
    load(folder)
    load_policy(folder, 0)
    (folder / "manifest.json").write_text(json.dumps({name: {} for name in sizes}))
    with pytest.raises(CheckpointError, match=r"says nothing of use about algorithm/config\.json"):
        load(folder)
