"""What lies where in a run's folder, and how to find one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path

from configs.load import RUN_CONFIG, ConfigError, dump
from configs.run import RunConfig
from configs.text.reading import read_json
from configs.text.writing import write_whole
from hil_app.recording.format.layout import INFO, DatasetError
from hil_app.recording.lock import Lock
from hil_app.support.checkpoint_names import NAME, checkpoints_in, others

RUNS = Path("runs")  # where runs go that name no output_dir
CONFIG = RUN_CONFIG  # the merged configuration
EVENTS = "events.jsonl"  # what happened, a line each
DATASET = "dataset"  # every frame
CHECKPOINTS = "checkpoints"  # a folder each: what a run goes on from, and eval acts with
SET_ASIDE = "set_aside"  # what a run that went on from a checkpoint had come to after it
METRICS = "metrics.jsonl"  # the learning in figures, a line each
TENSORBOARD = "tensorboard"  # the same for TensorBoard, where train.tensorboard asks for it
SUMMARY = "summary.json"  # the figures
PLOT = "learning.png"  # success, interventions and return over the training
BEST = "best.json"  # which of the checkpoints did best on its own
BENCH = "bench.json"  # what a benchmark measured
VIDEO = "evaluation.mp4"  # the first evaluation episodes
EVALUATIONS = "evaluations"  # what `hil-app eval` found out later, a report and a video each

WHICH = ("last", "best")  # of a run's checkpoints


def new_run(command: str) -> Path:
    """A folder of its own for a run that names none."""
    name = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{command}"
    names = (f"{name}_{number}" if number else name for number in count())
    return next(RUNS / name for name in names if not (RUNS / name).exists())


def new_evaluation(checkpoint: Path) -> Path:
    """A file in the folder of a checkpoint's run for what an evaluation of it comes to."""
    folder = checkpoint.parent.parent / EVALUATIONS
    name = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{checkpoint.name}"
    names = (f"{name}_{number}" if number else name for number in count())
    files = (folder / f"{name}.json" for name in names)
    return next(file for file in files if not file.exists())


def claim(folder: Path) -> Lock:
    """Have a run's folder to oneself until the lock is released; ConfigError if another has it."""
    try:
        return Lock(folder)
    except DatasetError as error:
        raise ConfigError(f"output_dir: {error}") from error


def open_folder(folder: Path, config: RunConfig) -> Lock:
    """Make ``folder``, save the configuration there, and have it to oneself until the lock goes.

    Raises ConfigError if it is not to be had, or not empty.
    """
    with _refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = claim(folder)
        if any(folder.iterdir()):
            lock.release()
            hint = "; name a new folder, or go on with its run by --resume=true"
            raise ConfigError(f"output_dir: {folder} is not empty{hint}")
    save_config(folder, config)
    return lock


def save_config(folder: Path, config: RunConfig) -> None:
    """Keep the configuration of a run in its folder; raises ConfigError if it cannot be."""
    with _refusals(folder):
        page = config.page.model_copy(update={"open": False})  # that was for once
        saved = config.model_copy(update={"output_dir": None, "page": page})
        write_whole(folder / CONFIG, dump(saved).encode())


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"output_dir: cannot write to {folder}: {error.strerror}") from error


def checkpoints_of(run: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first."""
    return checkpoints_in(run / CHECKPOINTS)


def best_of(folder: Path) -> Path | None:
    """The checkpoint in ``folder`` with the best evaluation; None if none was evaluated.

    Raises ConfigError if what says so cannot be read.
    """
    try:
        return folder / str(read_json(folder / BEST)["checkpoint"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        remedy = others(folder / BEST)
        raise ConfigError(f"{folder / BEST} is damaged: {remedy}") from error


def updates_of(checkpoint: Path) -> int | None:
    """How many updates the policy of a checkpoint has had; None if that cannot be read."""
    try:
        return int(read_json(checkpoint / "state.json")["updates"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def find_checkpoint(named: Path | None, which: str = "last", *, learned: bool = False) -> Path:
    """The checkpoint that ``named`` is, or the last or best one of the run that it is.

    ``RUN/checkpoints/best`` and ``…/last`` are understood too; None is the newest run in runs/, or
    the newest that has ``learned``. Raises ConfigError.
    """
    if named is None:
        named = _newest_run(learned)
    elif not named.parent.name:  # a bare name: the run is further up
        named = named.absolute()
    if named.parent.name == CHECKPOINTS and named.name in WHICH:
        named, which = named.parent.parent, named.name
    elif NAME.fullmatch(named.name):
        if not named.is_dir():
            raise ConfigError(f"there is no {named}: {others(named)}")
        _check_run(named.parent.parent, named)
        return named
    run = named.parent if named.name == CHECKPOINTS else named
    _check_run(run, named)
    known = checkpoints_of(run)
    if not known:
        raise ConfigError(f"{run} has no checkpoint: it ended before its first")
    if which == "last":
        return known[-1]
    best = best_of(run / CHECKPOINTS)
    if best is None:
        raise ConfigError(
            f"{run} knows of no best checkpoint, as train.eval_every was null; the "
            f"last one is {known[-1]}"
        )
    return best


def config_of(checkpoint: Path) -> Path:
    """The saved configuration of the run that a checkpoint is of."""
    return checkpoint.parent.parent / CONFIG


def dataset_of(named: Path) -> Path:
    """The dataset that ``named`` is, or that of the run whose folder it is."""
    inside = named / DATASET
    return inside if not (named / INFO).exists() and (inside / INFO).exists() else named


def config_beside(root: Path) -> Path | None:
    """The configuration of the run that the dataset in ``root`` is of; None if it is of none."""
    saved = root.absolute().parent / CONFIG
    return saved if root.absolute().name == DATASET and saved.is_file() else None


def _newest_run(learned: bool) -> Path:
    """The run in runs/ with the newest checkpoint; one with an update, if it must have learned."""
    found = sorted(RUNS.glob(f"*/{CHECKPOINTS}/tick_*"), key=lambda path: path.stat().st_mtime)
    usable = [one for one in found if not learned or updates_of(one) != 0]
    if not usable:
        why = f" ({found[-1].parent.parent} ended before its first update)" if found else ""
        raise ConfigError(f"no trained run in {RUNS}/{why}; run `hil-app train` or name its folder")
    return usable[-1].parent.parent


def _check_run(run: Path, named: Path) -> None:
    if not (run / CONFIG).is_file():
        raise ConfigError(f"{named} is no run's folder: it has no {CONFIG}")
