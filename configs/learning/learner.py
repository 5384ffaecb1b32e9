"""How frames become better weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from configs.base import Changeable, Config
from configs.learning.photometric import PhotometricConfig
from configs.text.paths import UserPath

MOST_ROWS = 100_000_000  # of a buffer
NAMED = r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}$"  # of a learner and of a robot: they name files, too
Only = Literal["all", "interventions", "successes"]


class OfflineDatasetConfig(Config):
    """A recorded dataset to learn from."""

    root: UserPath
    """The dataset's folder, or its run's; a dataset given as text is this."""
    only: Only = "all"
    """all: every row; interventions: those in which the operator acted; successes: those of
    episodes that succeeded."""
    weight: float = Field(1.0, gt=0)
    """How often a row is drawn, relative to one of weight 1, which rows of the run itself have."""

    @model_validator(mode="before")
    @classmethod
    def _folder_alone(cls, given: Any) -> Any:
        return {"root": given} if isinstance(given, str | Path) else given


class LearnerConfig(Config):
    """How frames become better weights."""

    mode: Changeable[Literal["background", "lockstep"]] = "background"
    """background: learn as fast as the machine allows; lockstep: a round of updates every
    train_freq ticks while the loop waits, so that a seed gives the same run (simulated worlds)."""
    where: Changeable[Literal["thread", "process", "ray"]] = "thread"
    """thread: it runs in the program that moves the robot; process: in one of its own on the same
    computer, which cannot hold up the control loop, and takes memory and a few seconds to start;
    ray: on a machine where `hil-app learner start` has started it, which serves several robots."""
    address: Changeable[str | None] = Field(None, pattern=r"^[A-Za-z0-9.\-]+:[0-9]{1,5}$")
    """Ray: where the cluster's head listens, HOST:PORT."""
    name: Changeable[str] = Field("learner", pattern=NAMED)
    """Ray: which of the cluster's learners this robot joins."""
    robot: Changeable[str | None] = Field(None, pattern=NAMED)
    """Ray: what this robot is called there; null for the computer's name."""
    share: Changeable[float] = Field(1.0, gt=0, le=1000)
    """Ray: how much of every batch is this robot's, relative to the shares of the other robots."""
    on_loss: Changeable[Literal["continue", "hold"]] = "continue"
    """Ray: what the run does while the learner is out of reach; continue: it goes on with the last
    weights, and sends later what it records; hold: it stands still once the episode is over."""
    weights_mb_per_s: Changeable[float] = Field(5.0, gt=0)
    """Ray: how much of the network this robot's fetching of new weights takes at most [MB/s]; it
    fetches the newest, and leaves out those between. In lockstep it fetches all of them."""
    train_freq: Changeable[int] = Field(1, ge=1)
    """Lockstep: time between two rounds of updates [ticks]."""
    gradient_steps: Changeable[int] = Field(1, ge=1)
    """Lockstep: updates in a round."""
    device: Changeable[str] = "cpu"
    """Where it computes: cpu, cuda, cuda:1, mps. The policy acts on the cpu."""
    batch_size: Changeable[int] = Field(256, ge=2, le=100_000)
    """Transitions a batch."""
    online_ratio: Changeable[float] = Field(0.5, ge=0, le=1)
    """Share of a batch that comes from the online buffer; the rest are demonstrations and
    interventions."""
    online_capacity: int = Field(100_000, ge=1, le=MOST_ROWS)
    """Transitions the online buffer holds; a training needs those of learning_starts."""
    offline_capacity: int = Field(100_000, ge=1, le=MOST_ROWS)
    """Transitions the offline buffer holds."""
    datasets: list[OfflineDatasetConfig] = []
    """Recorded datasets to fill the offline buffer from before anything moves: folders, or
    {"root": "runs/pick", "only": "all|interventions|successes", "weight": 1} to take the
    rows in which the operator acted or the episodes that succeeded, and to draw rows more often.
    Where a dataset of other tools does not say so, the operator acted, there was no penalty, an end
    with a reward is a success, and one without is the time limit."""
    learning_starts: Changeable[int] = Field(100, ge=1)
    """Online transitions before the first update."""
    n_steps: Changeable[int] = Field(1, ge=1, le=50)
    """Rewards summed before the bootstrap (n-step return) [ticks]."""
    takeover_penalty: Changeable[float] = Field(0.0, ge=0)
    """What each of the policy's last takeover_ticks before a take-over costs [reward], as somebody
    found them bad. Only learning sees it; what is recorded has the task's reward."""
    takeover_ticks: Changeable[int] = Field(5, ge=1, le=1000)
    """How many of the policy's ticks before a take-over takeover_penalty is for."""
    random_shift: Changeable[int | None] = Field(None, ge=1, le=1000)
    """How far each image of a batch is moved, at random, to either side [px]; null for not. It is
    pixels of what the camera shows: where policy.image_size makes an image smaller, it is moved by
    as much less."""
    photometric: Changeable[PhotometricConfig | None] = None
    """How differently the images of a batch are lit and coloured; null leaves them as they are."""
    prefetch: Changeable[int | None] = Field(None, ge=1, le=1000)
    """Background: batches that a thread of their own draws ahead; null draws each when needed."""
    queue_size: Changeable[int] = Field(1024, ge=1, le=1_000_000)
    """Frames that may wait for the learner; more end the run safely."""
    max_skipped_updates: Changeable[int] = Field(10, ge=1)
    """Updates in a row that may be skipped, as not finite, before the run stops."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.where == "ray" and self.address is None:
            raise ValueError(
                "address: where=ray needs the address of the cluster, such as "
                "--learner.address=192.168.1.20:6379; `hil-app learner start` prints it"
            )
        return self

    @model_validator(mode="after")
    def _repeatable(self) -> Self:
        if self.prefetch is not None and self.mode == "lockstep":
            raise ValueError(
                "prefetch makes a run depend on timing, which lockstep rules out: set "
                "learner.prefetch to null or learner.mode to background"
            )
        return self
