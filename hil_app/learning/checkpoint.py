"""A checkpoint on disk: all that a run needs to go on, as safetensors and JSON.

``policy/`` and ``algorithm/`` are what their ``save_pretrained`` writes; every other group of
tensors is a file, ``state.json`` says how far the run is, and ``manifest.json`` lists the files
with their checksums.
Images lie in blocks, a file each, and a block that has not changed is linked, not written again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from configs.errors import HilAppError
from configs.learning.algorithm import CONFIG_FILE
from configs.text.reading import content_of, read_json, shown, text_of
from hil_app.learning import manifest
from hil_app.learning.manifest import MANIFEST, FileEntry, Manifest
from hil_app.learning.networks.actor import MODEL_FILE, GaussianActorPolicy
from hil_app.learning.networks.weights import check_finite
from hil_app.support.checkpoint_names import others
from hil_app.support.files import new_folder, sweep

POLICY, ALGORITHM, TRAINING = "policy", "algorithm", "training"  # groups of tensors
STATE = "state.json"
BLOCK = "blocks."  # how the names of tensors begin that are files of their own
SUFFIX = ".safetensors"

Tensors = Mapping[str, Mapping[str, Tensor]]  # group -> name -> tensor
DAMAGE = (
    OSError,
    ValidationError,
    SafetensorError,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)
"""What reading a file raises that is cut off, missing, or of another shape than expected."""


class CheckpointError(HilAppError):
    """A checkpoint cannot be read or written; the message says which and why."""


@dataclass(frozen=True)
class Snapshot:
    """A run at the end of an episode, in memory; nobody changes its tensors."""

    state: Mapping[str, Any]  # JSON values and dataclasses of them
    configs: Mapping[str, str]  # POLICY, ALGORITHM -> config.json
    tensors: Tensors


@dataclass
class Saved:
    """Where the blocks of the last checkpoint lie, for the next one to link to."""

    blocks: dict[Path, Tensor] = field(default_factory=dict)  # path within the checkpoint
    files: Manifest = field(default_factory=dict)
    folder: Path | None = None


def save(snapshot: Snapshot, folder: Path, last: Saved | None = None) -> Saved:
    """Write the checkpoint ``folder``, a new one, whole or not at all.

    What an earlier crash left of others beside it is removed.

    Raises :class:`CheckpointError` if the disk refuses.
    """
    try:
        if folder.parent.is_dir():
            sweep(folder.parent)
        with new_folder(folder) as draft:
            saved = _write(snapshot, draft, last or Saved())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot write the checkpoint {folder} ({error}); free some space or choose another "
            "--output_dir"
        ) from error
    return replace(saved, folder=folder)


def load(folder: Path) -> Snapshot:
    """Read a checkpoint back. Raises :class:`CheckpointError` if it is not whole."""
    if not (folder / MANIFEST).is_file():
        raise CheckpointError(f"no checkpoint at {folder}: it has no {MANIFEST}")
    try:
        files = manifest.read(folder)
        manifest.check(folder, files, files)
        return Snapshot(
            state=read_json(folder / STATE),
            configs={name: _text(folder / name) for name in _configs(files)},
            tensors=_read(folder, [Path(name) for name in files if name.endswith(SUFFIX)]),
        )
    except DAMAGE as error:
        raise damaged(folder, error) from error


def load_state(folder: Path) -> dict[str, Any]:
    """How far the run of a checkpoint is. Raises :class:`CheckpointError` if it is damaged."""
    try:
        _check(folder, STATE)
        state: dict[str, Any] = read_json(folder / STATE)
    except DAMAGE as error:
        raise damaged(folder, error) from error
    return state


def load_policy(folder: Path, seed: int) -> GaussianActorPolicy:
    """The policy of a checkpoint; ``seed`` fixes its sampling. Raises :class:`CheckpointError`."""
    if not (folder / POLICY).is_dir():
        raise CheckpointError(f"no checkpoint at {folder}: expected a folder '{POLICY}' in it")
    try:
        _check(folder, f"{POLICY}/{CONFIG_FILE}", f"{POLICY}/{MODEL_FILE}")
        return GaussianActorPolicy.from_pretrained(folder / POLICY, seed=seed)
    except DAMAGE as error:
        raise damaged(folder, error) from error


def damaged(folder: Path, error: Exception) -> CheckpointError:
    """The error to raise for a checkpoint that cannot be used."""
    cause = shown(error, 300)
    return CheckpointError(f"the checkpoint {folder} is damaged ({cause}): {others(folder)}")


def own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The state of a module, where parts may share tensors: each under the first of its names."""
    first: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        first.setdefault(id(tensor), (name, tensor.detach()))
    return dict(first.values())


def _check(folder: Path, *names: str) -> None:
    """Raise OSError or ValueError unless these files are as they were written."""
    manifest.check(folder, names, manifest.read(folder))


def _write(snapshot: Snapshot, draft: Path, last: Saved) -> Saved:
    """Fill the draft; returns what the next checkpoint needs to know of it."""
    for name, text in snapshot.configs.items():
        (draft / name).mkdir()
        (draft / name / CONFIG_FILE).write_text(text, encoding="utf-8")
    (draft / STATE).write_text(json.dumps(snapshot.state, indent=2, default=asdict) + "\n")
    blocks: dict[Path, Tensor] = {}
    known: dict[str, FileEntry] = {}  # of what is linked
    for group, tensors in snapshot.tensors.items():
        own = {_block_path(group, k): t for k, t in tensors.items() if k.startswith(BLOCK)}
        rest = {k: t.contiguous() for k, t in tensors.items() if not k.startswith(BLOCK)}
        save_file(rest, draft / _path(group))
        for path, block in own.items():
            (draft / path).parent.mkdir(exist_ok=True)
            if _linked(path, block, draft, last):
                known[path.as_posix()] = last.files[path.as_posix()]
            else:
                save_file({"block": block.contiguous()}, draft / path)
        blocks |= own
    return Saved(blocks, manifest.write(draft, manifest.files_in(draft), known))


def _linked(path: Path, block: Tensor, draft: Path, last: Saved) -> bool:
    """Link to the last checkpoint's file if it has this very block; False if that is no way."""
    if last.folder is None or last.blocks.get(path) is not block:
        return False
    with suppress(OSError):
        os.link(last.folder / path, draft / path)
        return True
    return False


def _read(folder: Path, paths: list[Path]) -> Tensors:
    tensors: dict[str, dict[str, Tensor]] = {}
    for path in paths:
        content = load_file(folder / path)
        if _is_weights(path):
            check_finite(content, path)
        if path.name == MODEL_FILE:
            tensors[path.parent.name] = content
        elif path.parent.name:
            group, name = path.parent.name, unquote(path.name.removesuffix(SUFFIX))
            tensors.setdefault(group, {})[name] = content["block"]
        else:
            tensors.setdefault(path.name.removesuffix(SUFFIX), {}).update(content)
    return tensors


def _is_weights(path: Path) -> bool:
    """Whether a file has weights, or what optimisers keep: not what sensors said, in the rows."""
    return path.name == MODEL_FILE or path == _path(TRAINING)


def _configs(files: Manifest) -> list[str]:
    return [Path(name).parent.name for name in files if Path(name).name == CONFIG_FILE]


def _path(group: str) -> Path:
    return Path(group, MODEL_FILE) if group in (POLICY, ALGORITHM) else Path(group + SUFFIX)


def _text(folder: Path) -> str:
    return text_of(content_of(folder / CONFIG_FILE))


def _block_path(group: str, name: str) -> Path:
    return Path(group, quote(name, safe="") + SUFFIX)
