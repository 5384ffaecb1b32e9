"""The trackers that there are: TensorBoard, Weights & Biases, Rerun."""

from __future__ import annotations

import importlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from configs.load import ConfigError
from configs.run import RunConfig
from hil_app.runs.folder import TENSORBOARD
from hil_app.runs.trackers.tracking import Moment, Tracker, Tracking
from hil_app.support.events import EventLog
from hil_app.support.extras import how_to_install

BY_UPDATE = "learner/"  # figures that are drawn over updates, all others over ticks
PROJECT = "hil-app"  # of Weights & Biases, unless WANDB_PROJECT names another
_WANDB, _ID = "wandb", "id"  # what W&B keeps, and what its server knows the run by
_INIT_TIMEOUT = 30.0  # with W&B's server, at the beginning [s]


class TensorBoard:
    """Event files in the run's folder: ``tensorboard --logdir runs``."""

    def __init__(self, board: Any, folder: Path, _: RunConfig) -> None:
        self._writer = board.SummaryWriter(str(folder / TENSORBOARD))

    def log(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """Write figures."""
        for name, value in figures.items():
            step = moment.updates if name.startswith(BY_UPDATE) else moment.ticks
            self._writer.add_scalar(name, value, step, moment.time)

    def close(self) -> None:
        """Close the files."""
        self._writer.close()

    def abandon(self) -> None:
        """Leave them: nobody else has them."""


class WeightsAndBiases:
    """A run on W&B's server, or in ``wandb/`` of the run's folder with ``WANDB_MODE=offline``.

    Project, entity, mode and server are those of W&B's own environment variables. Neither what is
    printed nor code or the state of a repository is sent.
    """

    def __init__(self, wandb: Any, folder: Path, config: RunConfig) -> None:
        self._wandb = wandb
        settings = wandb.Settings(
            console="off",
            silent=True,
            save_code=False,
            disable_git=True,
            init_timeout=_INIT_TIMEOUT,
        )
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=folder.absolute().name,
            id=_id(folder / _WANDB / _ID),
            resume="allow",
            dir=str(folder),
            config=config.model_dump(mode="json"),
            settings=settings,
        )
        self._run.define_metric("*", step_metric="ticks")
        self._run.define_metric(f"{BY_UPDATE}*", step_metric="updates")

    def log(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """Send figures."""
        self._run.log({**figures, "ticks": moment.ticks, "updates": moment.updates})

    def close(self) -> None:
        """Wait until the server has all."""
        self._run.finish()

    def abandon(self) -> None:
        """End the program of W&B's that sends them: ours would wait for it."""
        service = self._wandb.setup()._connection
        service._cleanup()
        service._proc._process.kill()


class Rerun:
    """A recording in the run's folder: ``rerun RUN/rerun.rrd``."""

    def __init__(self, rerun: Any, folder: Path, _: RunConfig) -> None:
        self._rerun = rerun
        name = folder.absolute().name
        self._recording = rerun.RecordingStream("hil-app", recording_id=name)
        self._recording.save(str(next(_recordings(folder))))

    def log(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """Write figures over ticks and over updates."""
        self._recording.set_time("ticks", sequence=moment.ticks)
        self._recording.set_time("updates", sequence=moment.updates)
        self._recording.set_time("time", timestamp=moment.time)
        for name, value in figures.items():
            self._recording.log(name, self._rerun.Scalars(value))

    def close(self) -> None:
        """Close the file."""
        self._recording.disconnect()

    def abandon(self) -> None:
        """Leave it: nobody else has it."""


@dataclass(frozen=True)
class TrackerKind:
    """A tracker that an option of ``train`` asks for; its package is an extra of the same name."""

    option: str
    title: str
    package: str
    make: Callable[[Any, Path, RunConfig], Tracker]

    def load(self) -> Any:
        """Its package; ConfigError where it is not installed."""
        try:
            return importlib.import_module(self.package)
        except ImportError as error:
            raise ConfigError(
                f"train.{self.option}: {self.title} is not installed; run "
                f"{how_to_install(self.option)}, or leave it false"
            ) from error


KINDS = (
    TrackerKind("tensorboard", "TensorBoard", "torch.utils.tensorboard", TensorBoard),
    TrackerKind("wandb", "Weights & Biases", "wandb", WeightsAndBiases),
    TrackerKind("rerun", "Rerun", "rerun", Rerun),
)


def wanted(config: RunConfig) -> list[TrackerKind]:
    """Those that a run asks for."""
    return [kind for kind in KINDS if getattr(config.train, kind.option)]


def check(config: RunConfig) -> None:
    """Raise ConfigError for what is asked for and cannot be had here."""
    for kind in wanted(config):
        package = kind.load()
        if kind.option == "wandb" and _online() and not package.login(prompt=False):
            raise ConfigError(
                "train.wandb: nobody is logged in: run `wandb login`, or set WANDB_MODE=offline, "
                "and `wandb sync` later"
            )


def trackers_of(folder: Path, config: RunConfig, events: EventLog) -> list[Tracking]:
    """Those that a run asks for, each in its thread."""
    return [
        Tracking(kind.title, partial(_made, kind, folder, config), events)
        for kind in wanted(config)
    ]


def _made(kind: TrackerKind, folder: Path, config: RunConfig) -> Tracker:
    return kind.make(kind.load(), folder, config)


def _online() -> bool:
    return os.environ.get("WANDB_MODE", "online") == "online"


def _id(path: Path) -> str:
    """What the server is to know a run by, made once: one that goes on is the same there."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(secrets.token_hex(4))
    return path.read_text().strip()


def _recordings(folder: Path) -> Iterator[Path]:
    """Names of files that are not there: a run that goes on writes another."""
    names = (f"rerun_{number}.rrd" if number > 1 else "rerun.rrd" for number in count(1))
    return (folder / name for name in names if not (folder / name).exists())
