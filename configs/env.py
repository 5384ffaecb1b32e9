"""The clock of the control loop and the shape of an episode."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from configs.base import Changeable, Config

FPS = 10.0  # control rate where nobody sets one [Hz]


class EnvConfig(Config):
    """The clock of the control loop and the shape of an episode."""

    fps: float = Field(FPS, ge=1, le=200)
    """Control rate [Hz]."""
    paced: Changeable[bool] = True
    """Keep real time; false lets a simulated world run as fast as it can."""
    control_time_s: float | None = Field(10.0, gt=0, le=86_400)
    """Longest episode [s]; null for no limit, which teleoperate has where nobody sets one."""
    terminate_on_success: bool = True
    """End the episode at success; false goes on until failure, the time limit or the operator."""
    reset_time_s: Changeable[float] = Field(0.0, ge=0, le=3600)
    """Least time from an episode's end to the next start, to set the scene by hand [s]; paced runs
    only. Where nobody sets it, an operator beside a real arm has 10 s, in teleoperate none. Enter
    in the terminal, or the device's success control, ends it sooner."""
    wait_for_ready: Changeable[Literal["never", "first", "always"]] = "first"
    """Before which episode of a stage a real arm waits until the operator is ready, who presses
    Enter in the terminal or the device's success control. Without either it waits for nobody, and
    teleoperate never waits."""
    reset_speed: Changeable[float] = Field(60.0, ge=0.5, le=1000)
    """Speed limit of every joint on the way to the reset pose [deg/s], gripper [%/s]."""

    @property
    def time_limit(self) -> int | None:
        """The longest episode [ticks]."""
        return (
            None if self.control_time_s is None else max(1, round(self.control_time_s * self.fps))
        )
