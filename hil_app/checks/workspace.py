"""Whether an arm can do what a config asks of it, as far as its model says."""

from __future__ import annotations

from configs.load import ConfigError
from configs.run import RunConfig
from hil_app.build.workspace import check_reachable
from hil_app.checks.finding import Findings, note, of_message, ok
from robots.arm import ARMS
from robots.poses import within


def sight(config: RunConfig, *, whole: bool) -> Findings:
    """Whether a policy can see its task; ``whole`` if the config is one for a training."""
    try:
        config.check_sight()
    except ConfigError as error:
        if whole:
            yield of_message(str(error))
        else:
            yield note(*str(error).rsplit(": ", 1))
    else:
        yield ok("the policy sees more than the arm itself")


def workspace(config: RunConfig) -> Findings:
    """The reset pose, and the box of the gripper; raises RobotError."""
    from robots.kinematics import Kinematics  # which takes a while to load

    robot, follower = config.robot, config.robot.follower
    if follower is None and robot.twin is None:
        yield ok(f"{robot.type} has no arm model here, whose workspace could be checked")
        return
    arm = ARMS[robot.type.removesuffix("_sim")]
    if follower is not None:
        arm = arm.calibrated(follower.joint_signs, follower.joint_offsets)
    pose = within("robot.reset_pose", robot.reset_pose, arm.limits)
    try:
        check_reachable(Kinematics(arm), arm.limits, pose, config.processor.bounds)
    except ConfigError as error:
        yield of_message(str(error))
    else:
        yield ok("the gripper gets into the box of processor.bounds")
