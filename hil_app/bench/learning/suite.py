"""The suites of ``hil-app bench hil`` as data: tasks, what is observed, operators, seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from hil_app.bench.learning.experiment import RECORD, TRAIN, Run, training
from hil_app.bench.learning.protocol import ALONE

FPS = 10.0  # of every run [Hz]


@dataclass(frozen=True)
class Task:
    """How a task is trained."""

    ticks: int
    seconds: float  # of the longest episode


@dataclass(frozen=True)
class Observation:
    """What a policy sees of a task."""

    preset: str  # what learns from it, where nothing else is named
    options: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    """What is learned, from what, beside whom, how often; each with each."""

    obs: tuple[str, ...]
    operators: tuple[str, ...]
    seeds: int


TASKS = {
    "reach": Task(2000, 10.0),
    "pick_lift": Task(2000, 10.0),
    "push": Task(3000, 10.0),
    "pick_place": Task(3000, 15.0),
    "stack": Task(3000, 15.0),
    "drawer": Task(3000, 10.0),
    "insert": Task(3000, 15.0),
}
CAMERAS = (
    "--robot.cameras={front: {view: front, width: 64, height: 64}, "
    "wrist: {view: wrist, width: 64, height: 64}}"
)
OBSERVATIONS = {
    "state": Observation("hil", ("--robot.cameras={}", "--processor.observation.object=relative")),
    "pixels": Observation("hil_pixels", (CAMERAS, "--processor.observation.object=null")),
}
TAKE_OVERS = "--teleop.intervention={max_s: 3.0, enough_progress: 0.2}"  # of every operator
OPERATORS = {
    "ordinary": (),
    "expert": ("--teleop.skill=expert",),
    "poor": ("--teleop.skill=poor",),
}
SUITES = {
    "core": Suite(obs=("state",), operators=("ordinary",), seeds=3),
    "full": Suite(obs=tuple(OBSERVATIONS), operators=tuple(OPERATORS), seeds=5),
}


@dataclass(frozen=True)
class Learner:
    """What learns: a ``preset`` or file, or another ``program`` that takes the same options."""

    name: str | None = None  # that of the preset, where there is none
    preset: str | None = None  # None: what suits the observation
    program: tuple[str, ...] = TRAIN


@dataclass(frozen=True)
class Case:
    """A line of the table, whatever the seed."""

    task: str
    obs: str
    operator: str
    learner: Learner

    @property
    def learner_name(self) -> str:
        """What the learner is called."""
        return self.learner.name or OBSERVATIONS[self.obs].preset

    @property
    def name(self) -> str:
        """What its runs are called."""
        return f"{self.task}_{self.obs}_{self.operator}_{self.learner_name}"

    def run(self, seed: int, options: Sequence[str]) -> Run:
        """The training with a seed, and ``options`` on top of the suite's."""
        seen, ticks = OBSERVATIONS[self.obs], TASKS[self.task].ticks
        suite = (*_world(self.task, self.operator), *seen.options, f"--train.ticks={ticks}")
        given = (f"--config_path={self.learner.preset or seen.preset}", *suite, *options)
        return training(self.name, seed, given, self.learner.program)

    @property
    def alone_name(self) -> str:
        """What the operator's run without a policy is called; the same for every learner."""
        return f"{self.task}_{self.operator}_alone"

    def alone(self, options: Sequence[str]) -> Run:
        """The operator does the task without a policy."""
        preset, world = OBSERVATIONS["state"].preset, _world(self.task, self.operator)
        episodes = f"--dataset.num_episodes={ALONE}"
        given = (f"--config_path={preset}", *world, *options, episodes)
        return Run(self.alone_name, 0, given, RECORD)


def cases(
    tasks: Iterable[str], obs: Iterable[str], operators: Iterable[str], learners: Iterable[Learner]
) -> list[Case]:
    """Each with each."""
    return [Case(*each) for each in product(tasks, obs, operators, learners)]


def runs(cases: Sequence[Case], seeds: int, options: Sequence[str]) -> list[Run]:
    """All that is to be done: each operator alone, then all cases with one seed after the other."""
    alone = dict.fromkeys(case.alone(options) for case in cases)
    return [*alone, *(case.run(seed, options) for seed in range(seeds) for case in cases)]


def _world(task: str, operator: str) -> tuple[str, ...]:
    """The options that say where and beside whom a task is learned."""
    return (
        "--robot.type=so101_sim",
        f"--robot.task={task}",
        f"--env.fps={FPS:g}",
        "--env.paced=false",
        f"--env.control_time_s={TASKS[task].seconds:g}",
        "--processor.observation.joints=gripper",
        TAKE_OVERS,
        *OPERATORS[operator],
    )
