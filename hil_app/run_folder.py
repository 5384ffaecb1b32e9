"""What lies where in a run's folder, and how to find one."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from pathlib import Path

from configs.load import ConfigError, dump
from configs.run import RunConfig

RUNS = Path("runs")  # where runs go that name no output_dir
CONFIG = "config.yaml"  # the merged configuration
EVENTS = "events.jsonl"  # what happened, a line each
EPISODES = "episodes"  # every frame, a file an episode
CHECKPOINT = "checkpoint"  # the newest weights
SUMMARY = "summary.json"  # the figures
PLOT = "learning.png"  # success, interventions and return over the training
BENCH = "bench.json"  # what a benchmark measured
FILM = "evaluation.mp4"  # the first evaluation episodes


def new_run(command: str) -> Path:
    """A folder of its own for a run that names none."""
    name = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{command}"
    names = (f"{name}_{number}" if number else name for number in count())
    return next(RUNS / name for name in names if not (RUNS / name).exists())


def open_folder(folder: Path, config: RunConfig) -> None:
    """Make ``folder`` and save the configuration there; ConfigError if it is not to be had."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"output_dir: {folder} is not empty; name a new folder")
        saved = config.model_copy(update={"output_dir": None})
        (folder / CONFIG).write_text(dump(saved))
    except OSError as error:
        raise ConfigError(f"output_dir: cannot write to {folder}: {error.strerror}") from error


def find_run(named: Path | None) -> Path:
    """The run folder that ``named`` is or has its checkpoint in; None finds the newest one.

    Raises ConfigError, in the words of the option --checkpoint.
    """
    if named is None:
        trained = sorted(RUNS.glob(f"*/{CHECKPOINT}"), key=lambda path: path.stat().st_mtime)
        if not trained:
            raise ConfigError(
                f"--checkpoint: no trained run in {RUNS}/; run `hil-app train` or name its folder"
            )
        return trained[-1].parent
    run = named.parent if named.name == CHECKPOINT else named
    if not (run / CONFIG).is_file():
        raise ConfigError(f"--checkpoint: {named} is no run's folder: it has no {CONFIG}")
    return run
