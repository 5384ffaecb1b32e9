"""A checkpoint on disk: the policy, what the algorithm owns, and how far the run had come."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError

from hil_app.files import whole_folder
from hil_app.learning.actor import GaussianActorPolicy
from hil_app.learning.algorithm import RLAlgorithm

POLICY, ALGORITHM, STATE = "policy", "algorithm", "state.json"


class CheckpointError(Exception):
    """A checkpoint cannot be read or written; the message says which and why."""


@dataclass(frozen=True)
class TrainingState:
    """How far a run had come."""

    ticks: int
    updates: int


def save_checkpoint(folder: Path, algorithm: RLAlgorithm, state: TrainingState) -> None:
    """Write ``folder`` beside the old one and swap: there is always one whole checkpoint.

    Raises :class:`CheckpointError` if the disk refuses; the old checkpoint stays.
    """
    try:
        with whole_folder(folder) as draft:
            algorithm.policy.save_pretrained(draft / POLICY)
            algorithm.save_pretrained(draft / ALGORITHM)
            (draft / STATE).write_text(json.dumps(asdict(state), indent=2) + "\n")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot write the checkpoint {folder} ({error}); free some space or choose another "
            "--output_dir"
        ) from error


def load_policy(folder: Path, seed: int) -> GaussianActorPolicy:
    """The policy of a checkpoint; ``seed`` fixes its sampling. Raises :class:`CheckpointError`."""
    if not (folder / POLICY).is_dir():
        raise CheckpointError(f"no checkpoint at {folder}: expected a folder '{POLICY}' in it")
    try:
        return GaussianActorPolicy.from_pretrained(folder / POLICY, seed=seed)
    except (OSError, ValidationError, SafetensorError, RuntimeError, ValueError) as error:
        cause = " ".join(str(error).split())
        raise CheckpointError(f"the checkpoint at {folder} is damaged: {cause}") from error
