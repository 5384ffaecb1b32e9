"""What the registers of an arm's motors must hold before torque comes on.

Every register that changes how a motor moves, or protects itself, is set here, whoever used the
motor before. What stays as it is: the calibration's (``handshake.calibrate``), ID and Baud_Rate,
the voltages that the motor can take and its Phase, which only its maker knows (they are checked in
``handshake``), and LED_Alarm_Condition, which moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from configs.robot import FollowerConfig
from configs.teleop import LeaderConfig
from robots.base import JOINTS
from robots.feetech.calibration import DEGREES

FASTEST = 254  # acceleration
FULL = 1000  # torque [0.1 % of stall torque]
_GRIPPER_SPEED = 2.0  # times the speed of the body joints
_LEEWAY = 1.5  # over a leader's speed, for a motor to catch up
_EVERY = MappingProxyType(
    {
        "Return_Delay_Time": 0,
        "Response_Status_Level": 1,
        "Max_Temperature_Limit": 70,
        "Max_Torque_Limit": FULL,
        "Unloading_Condition": 4 | 8 | 32,  # overheat, over-current, overload
        "P_Coefficient": 16,
        "D_Coefficient": 32,
        "I_Coefficient": 0,
        "Minimum_Startup_Force": 16,
        "CW_Dead_Zone": 1,
        "CCW_Dead_Zone": 1,
        "Protection_Current": 500,
        "Angular_Resolution": 1,
        "Operating_Mode": 0,
        "Protective_Torque": 20,
        "Protection_Time": 200,
        "Overload_Torque": 80,
        "Over_Current_Protection_Time": 200,
        "Maximum_Acceleration": FASTEST,
        "Acceleration": FASTEST,
        "Goal_Time": 0,
        "Goal_Velocity": 0,  # as fast as it can
        "Torque_Limit": FULL,
        "Lock": 1,
    }
)
Settings = dict[str, dict[str, int]]  # by register and motor


def of_follower(cfg: FollowerConfig) -> Settings:
    """Those of an arm that a policy moves."""
    coefficients = {
        "P_Coefficient": cfg.p_coefficient,
        "I_Coefficient": cfg.i_coefficient,
        "D_Coefficient": cfg.d_coefficient,
    }
    gripper = {
        "Max_Torque_Limit": FULL // 2,
        "Protection_Current": 250,
        "Overload_Torque": 25,
        "Torque_Limit": round(10 * cfg.safety.max_grip),
    }
    return _settings(coefficients, gripper)


def of_leader(cfg: LeaderConfig) -> Settings:
    """Those of an arm that an operator holds."""
    speed = _LEEWAY * cfg.follow_speed / DEGREES  # [step/s]
    own = {"Goal_Velocity": round(speed), "Torque_Limit": round(10 * cfg.follow_torque)}
    return _settings(own, {"Goal_Velocity": round(_GRIPPER_SPEED * speed)})


def _settings(own: Mapping[str, int], gripper: Mapping[str, int]) -> Settings:
    every = _EVERY | own
    return {
        register: dict.fromkeys(JOINTS, value) | {JOINTS[-1]: gripper.get(register, value)}
        for register, value in every.items()
    }
