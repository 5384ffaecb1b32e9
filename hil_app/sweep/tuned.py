"""Ray Tune over the trials of a plan: it says where each is trained, and which is not worth more.

Tune keeps nothing of its own: what has happened is in the folders of the runs. A sweep that goes on
tells Tune all that there is once more, which takes a moment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from hil_app.bench import BenchError
from hil_app.bench.learning.experiment import TRAIN
from hil_app.sweep.plan import PLAN, Plan
from hil_app.sweep.training import Training

_TICKS, _SUCCESS, _TRIAL = "ticks", "success", "trial"
_LOOK_S = 1.0  # how often Tune may end a trial
_NEVER = 10**12  # ticks: Tune is not to end those that come to the end of their training
_QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours
    "TUNE_WARN_THRESHOLD_S": "1000",
    "TUNE_MAX_PENDING_TRIALS_PG": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def run(plan: Plan, jobs: int, gpus: float, program: Sequence[str] | None = None) -> list[str]:
    """Train all trials that are not over, ``jobs`` at a time; returns what is wrong with some.

    ``program`` is what trains, if that is not ``hil-app train`` of each computer.
    """
    os.environ.update(_QUIET)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # what is wrong is returned
    resources = {"cpu": 1.0, "gpu": gpus}
    facts = {
        "place": str(Path.cwd()),
        "program": program,
        "folder": str(plan.folder.absolute()),
        "options": [one.options for one in plan.trials],
        "over": [plan.state(one) in ("finished", "stopped") for one in plan.trials],
    }
    order = sorted(range(len(plan.trials)), key=lambda i: plan.state(plan.trials[i]) == "not begun")
    with TemporaryDirectory(prefix="hil_app_tune_") as kept:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(_Trial, facts=facts), resources),
            param_space={_TRIAL: tune.grid_search(order)},
            tune_config=tune.TuneConfig(
                metric=_SUCCESS,
                mode="max",
                max_concurrent_trials=jobs,
                scheduler=_scheduler(plan),
                reuse_actors=True,  # which take seconds to load
            ),
            run_config=tune.RunConfig(
                storage_path=kept,
                name="sweep",
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        return [_words(error) for error in tuner.fit().errors]


def _words(error: Exception) -> str:
    """The last line of what is wrong with a trial."""
    return str(error).strip().splitlines()[-1].removeprefix("RuntimeError: ")


def _scheduler(plan: Plan) -> TrialScheduler:
    if plan.halving is None:
        return FIFOScheduler()
    return _Halving(plan)


class _Halving(ASHAScheduler):  # type: ignore[misc]
    """ASHA that notes in the plan's folder which trials it stops."""

    def __init__(self, plan: Plan) -> None:
        assert plan.halving is not None
        super().__init__(
            time_attr=_TICKS,
            max_t=_NEVER,
            grace_period=plan.halving.grace,
            reduction_factor=plan.halving.factor,
            stop_last_trials=False,
        )
        self._plan = plan

    def on_trial_result(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """See Tune."""
        decision: str = super().on_trial_result(controller, trial, result)
        ours = self._plan.trials[trial.config[_TRIAL]]
        if decision == TrialScheduler.STOP and self._plan.state(ours) != "finished":
            self._plan.stop(ours, result[_TICKS])
        return decision


class _Trial(tune.Trainable):  # type: ignore[misc]
    """The training of a trial, wherever Ray puts it."""

    def setup(self, config: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Begin, or go on."""
        self._training: Training | None = None
        self._facts = facts
        self.reset_config(config)

    def reset_config(self, config: Mapping[str, Any]) -> bool:
        """Begin, or go on, with another trial."""
        self.cleanup()
        facts, number = self._facts, config[_TRIAL]
        folder = Path(facts["folder"])
        self._last = {_TICKS: 0, _SUCCESS: 0.0}
        if not (folder / PLAN).is_file():
            raise BenchError(
                f"{folder} is not there on {os.uname().nodename}: a sweep over several computers "
                "needs a folder that all of them have, by --output_dir"
            )
        self._training = Training(
            folder / f"trial_{number:03}",
            facts["options"][number],
            Path(facts["place"]),
            facts["program"] or TRAIN,
            over=facts["over"][number],
        )
        return True

    def step(self) -> dict[str, Any]:
        """Tell of the next evaluation, or that there is none yet."""
        assert self._training is not None
        found = self._training.next_evaluation(_LOOK_S)
        if found is not None:
            self._last = {_TICKS: found.ticks, _SUCCESS: found.success_rate}
            return {**self._last, "done": False}
        return {**self._last, "done": not self._training.running}

    def cleanup(self) -> None:
        """End it, at an evaluation that was not good enough."""
        if self._training is not None:
            self._training.end()
            self._training = None
