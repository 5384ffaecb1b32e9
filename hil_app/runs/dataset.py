"""The dataset that a run's episodes go into."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from configs.names import ACTION
from configs.run import RunConfig
from configs.task import TASKS, TaskConfig
from hil_app.build.assembly import Assembly
from hil_app.events import DatasetGoesOn, DatasetRepaired
from hil_app.recording.format.columns import CONFIG, sensed_names, sensed_units
from hil_app.recording.format.spec import MOTION
from hil_app.recording.mending.repair import report_of
from hil_app.recording.recorder import Recorder
from hil_app.recording.writer import DatasetSpec, DatasetWriter
from hil_app.runs.folder import DATASET
from hil_app.support.events import EventLog
from robots.base import RobotSpec


def root_of(config: RunConfig, folder: Path) -> Path:
    """Where the dataset of a run with this folder lies."""
    return config.dataset.root or folder / DATASET


def spec_of(parts: Assembly) -> DatasetSpec:
    """What a run's dataset is to hold."""
    config, spec = parts.config, parts.robot.spec
    points = len(spec.environment) if spec.environment_limits is None else 0
    return DatasetSpec(
        fps=config.env.fps,
        robot_type=config.robot.type,
        task=config.dataset.task or _label(spec.task),
        names={**parts.names, **sensed_names(spec.names, spec.environment)},
        info={**sensed_units(spec.units, points), ACTION: {CONFIG: _motion(config, spec)}},
        encoding=config.dataset.encoding,
    )


def _label(task: str | None) -> str:
    """What a task is called in a dataset."""
    if task is None:
        return TaskConfig.label
    return TASKS[task].config.label if task in TASKS else task


def recorder(parts: Assembly, root: Path, events: EventLog) -> Recorder:
    """What puts frames into the dataset at ``root``, which it goes on with if there is one.

    A world that does not keep real time waits for it.
    """
    return Recorder(
        partial(_open, root, spec_of(parts), events),
        events,
        max_waiting=parts.config.dataset.max_waiting,
        patient=not parts.config.env.paced,
    )


def _open(root: Path, spec: DatasetSpec, events: EventLog) -> DatasetWriter:
    writer = DatasetWriter(root, spec)
    if writer.repaired.anything:
        note = f"{root}: {'; '.join(report_of(writer.repaired))}"
        events.emit(DatasetRepaired(note=note))
    if writer.unmeasured:
        note = f"{root} was begun by an earlier version: what the robot measures is not kept in it"
        events.emit(DatasetGoesOn(note=note))
    return writer


def _motion(config: RunConfig, spec: RobotSpec) -> dict[str, Any]:
    """What of the config :data:`MOTION` names; without an arm model an action is the target."""
    robot = config.robot.model_dump(mode="json", include={*MOTION["robot"]})
    processor = config.processor.model_dump(mode="json", include={*MOTION["processor"]})
    del processor["gripper"]["penalty"]
    return {"robot": robot, **({} if spec.arm is None else {"processor": processor})}
