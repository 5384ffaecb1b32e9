"""What a policy that moves the wrist sees of it."""

from dataclasses import replace

import numpy as np
import pytest
from sample_ticks import command, f32, transition
from sample_wrist import KINEMATICS, ROLL, config, each_arm

from configs.processor import ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from hil_app.build.observations import observations
from processors.base import Goal
from robots.base import Reading
from robots.twin.robot import SimRobot

BODIES = {
    "so100": SimRobot(SO100SimConfig(cameras={}), fps=10.0),
    "so101": SimRobot(SO101SimConfig(cameras={}), fps=10.0),
}


def parts(arm, settings):
    return observations(settings, BODIES[arm].spec, KINEMATICS[arm])


def sensed(goal, joints):
    """A tick at whose end the arm is at ``joints``, told to be at ``goal``."""
    tick = transition(replace(command(), goal=goal))
    return replace(tick, reading=Reading(joints, stamp=1.0))


@each_arm
def test_the_end_effector_has_its_pitch_and_roll_and_the_target_the_way_to_go(arm):
    kinematics = KINEMATICS[arm]
    joints = kinematics.solve(f32(0, 0, 30, 60, 0, 40), f32(0.22, 0.02, 0.06), 40, pitch=20.0)
    joints[ROLL] = 30 * kinematics.clockwise
    commanded = joints.copy()
    commanded[ROLL] = 37 * kinematics.clockwise
    seen = parts(arm, config())
    tick = sensed(Goal(f32(0.22, 0.02, 0.06), commanded, pitch=24.0), joints)
    np.testing.assert_allclose(seen["wrist"].values(tick), [20, 30], atol=0.05)
    np.testing.assert_allclose(seen["wrist target"].values(tick), [4, 7], atol=0.05)
    commanded[1] += 10  # without a pitch in force, it is the one of the joints: lift leans forward
    tick = sensed(Goal(f32(0.22, 0.02, 0.06), commanded), joints)
    np.testing.assert_allclose(seen["wrist target"].values(tick), [-10, 7], atol=0.05)


@each_arm
def test_their_names_and_ranges_come_from_the_config_and_the_arm(arm):
    own = config({"pitch": (-8.0, 44.0), "pitch_step": 3.0, "roll_step": 4.0})
    seen = parts(arm, own)
    pose, delta = seen["wrist"], seen["wrist target"]
    assert pose.names == ("ee.pitch", "ee.roll")
    assert delta.names == ("target.pitch", "target.roll")
    turns = np.sort(KINEMATICS[arm].clockwise * KINEMATICS[arm].arm.limits[ROLL])
    np.testing.assert_array_equal(pose.low, f32(-8, turns[0]))
    np.testing.assert_array_equal(pose.high, f32(44, turns[1]))
    np.testing.assert_array_equal(delta.low, f32(-6, -8))
    np.testing.assert_array_equal(delta.high, f32(6, 8))


@pytest.mark.parametrize(("part", "gone"), [("end_effector", "wrist"), ("target", "wrist target")])
def test_they_go_with_the_parts_that_they_belong_to(part, gone):
    off = config(observation={part: None if part == "end_effector" else False})
    assert gone in parts("so101", config())
    assert gone not in parts("so101", off)


def test_without_a_wrist_the_policy_sees_what_it_always_saw():
    usual = parts("so101", ProcessorConfig())
    assert list(usual) == ["joints", "end effector", "target", "gripper target", "object"]
