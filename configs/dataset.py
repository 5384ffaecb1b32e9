"""Where episodes are kept, and how."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from configs.base import Changeable, Config
from configs.text.paths import UserPath

COARSEST = {"h264": 51, "av1": 63}  # the highest crf of each codec


class EncodingConfig(Config):
    """How images become video."""

    codec: Literal["h264", "av1"] = "h264"
    """h264 costs the least time; av1 makes smaller files at about three times the work."""
    crf: Changeable[int | None] = Field(None, ge=0)
    """How much the codec may leave out: 0 is nothing or next to nothing, 51 (h264) or 63 (av1) the
    most; null is what suits the codec, 23 or 30."""

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        highest = COARSEST[self.codec]
        if self.crf is not None and self.crf > highest:
            raise ValueError(f"crf: {self.codec} goes up to {highest}, got {self.crf}")
        return self

    @property
    def quality(self) -> int:
        """The crf in use."""
        return self.crf if self.crf is not None else {"h264": 23, "av1": 30}[self.codec]


class DatasetConfig(Config):
    """Where episodes are kept, and how."""

    root: UserPath | None = None
    """The dataset's folder, for `hil-app record` and `hil-app teleoperate`; one that holds a
    dataset is gone on with. null is dataset/ in the run's folder, where a training's always is."""
    num_episodes: Changeable[int] = Field(10, ge=1)
    """How many episodes `hil-app record` adds; those recorded again count once."""
    task: Changeable[str | None] = Field(None, pattern=r"^\S(.*\S)?$")
    """What is to be done, in a line; null is what the simulated world asks for."""
    max_waiting: Changeable[int] = Field(300, ge=1, le=100_000)
    """Frames that may wait for encoder and disk, in memory. A run in real time that comes to more
    ends, with all of them kept; a simulated world that is not paced waits."""
    encoding: EncodingConfig = EncodingConfig()
    """How images become video."""
