"""Who takes over when the policy errs. One of your own: a subclass of :class:`TeleopConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from configs.base import Changeable, Config
from configs.registry import Registry
from configs.robot import ServoArmConfig
from configs.step import STEPS, ActionStepConfig, StepConfig
from configs.text.paths import UserText, same_device

if TYPE_CHECKING:
    from configs.manual import ManualConfig
    from configs.run import RunConfig


class TeleopConfig(Config):
    """Base of every teleoperator's config; what the rest of a run must know of it stands here."""

    has_operator: ClassVar[bool] = True  # an operator holds it: it needs real time
    has_motors: ClassVar[bool] = False  # which a run must not leave alone
    by_keys: ClassVar[bool] = False  # the terminal's keys take over and hand back

    type: str
    """The teleoperator's name."""

    @property
    def manual(self) -> ManualConfig | None:
        """What it is, if it is a device with sticks, buttons or keys."""
        return None

    @property
    def steps(self) -> tuple[StepConfig, ...]:
        """Steps that its samples need in the pipelines."""
        return ()

    @property
    def leader(self) -> LeaderConfig | None:
        """What it is, if it is an SO100 or SO101 leader."""
        return None

    def check(self, run: RunConfig) -> None:
        """Raise ValueError, led by the dotted path, if it does not fit the rest of a run."""


TELEOPS: Registry[TeleopConfig] = Registry("teleoperator", TeleopConfig)


class InterventionConfig(Config):
    """When the scripted operator takes over, and for how long."""

    free_s: float = Field(2.0, ge=0, le=3600)
    """Time at an episode's start that the policy has to itself [s]."""
    stall_s: float = Field(1.5, gt=0, le=3600)
    """Time without progress after which the operator decides to take over [s]."""
    reaction_s: float = Field(0.3, ge=0, le=3600)
    """Time from that decision to the hand on the stick [s]."""
    min_progress: float = Field(0.005, gt=0, le=1)
    """What counts as progress [m]."""
    max_s: float = Field(1.0, gt=0, le=3600)
    """Longest take-over [s]."""
    enough_progress: float = Field(0.03, gt=0, le=1)
    """Progress after which the operator lets go [m]."""
    lets_go_early: float = Field(0.0, ge=0, le=1)
    """Share of the take-overs in which the operator loses patience, and lets go of the stick after
    at most half of max_s."""
    max_share: float = Field(0.5, ge=0, le=1)
    """Largest share of an episode's longest length that the operator takes."""


_TICKS = "_ticks"  # how the names ended when they counted ticks


def in_seconds(teleop: Mapping[str, Any], fps: float) -> dict[str, Any]:
    """A teleoperator's raw content with the ticks that older files count, at ``fps``, as times."""
    timed: dict[str, Any] = {}
    for name, value in teleop.items():
        if name == "intervention" and isinstance(value, Mapping):
            timed[name] = in_seconds(value, fps)
        elif name.endswith(_TICKS) and isinstance(value, int | float):
            timed[name.removesuffix(_TICKS) + "_s"] = value / fps
        else:
            timed[name] = value
    return timed


Skill = Literal["expert", "ordinary", "poor"]
_Said = Mapping[Skill, Mapping[str, float]]

# What a skill makes of the options that nobody sets; an ordinary operator is as their defaults say.
_HANDS: _Said = {
    "expert": {"noise": 0.03},
    "ordinary": {},
    "poor": {"noise": 0.3, "bias": 0.25, "mistakes": 0.25},
}
_TAKE_OVERS: _Said = {
    "expert": {"stall_s": 0.8, "reaction_s": 0.1},
    "ordinary": {},
    "poor": {"stall_s": 2.5, "reaction_s": 0.6, "lets_go_early": 0.3},
}


@TELEOPS.register("teleop.scripted:make")
class ScriptedTeleopConfig(TeleopConfig):
    """A scripted operator for the simulated world: demonstrates, and takes over on a stall."""

    has_operator = False

    type: Literal["scripted"] = "scripted"
    """The teleoperator's name."""
    skill: Changeable[Skill] = "ordinary"
    """How well it operates. An expert is quick and calm; a poor operator is slow, shaky and biased,
    takes over late, lets go early and makes mistakes. It says how much so where the options below
    do not."""
    noise: Changeable[float] = Field(0.1, ge=0, le=1)
    """Standard deviation of the operator's stick, as a share of its range."""
    bias: Changeable[float] = Field(0.0, ge=0, le=1)
    """How far the stick is off to one side all the time, as a share of its range; to which side is
    drawn for each episode."""
    mistakes: Changeable[float] = Field(0.0, ge=0, lt=1)
    """About how much of its time on the stick the operator does something wrong: it goes off in any
    direction, or opens the gripper."""
    mistake_s: Changeable[float] = Field(0.4, gt=0, le=60)
    """How long it is before it sees such a mistake [s]."""
    gives_up_beyond: Changeable[float | None] = Field(0.02, ge=0, le=1)
    """How far outside the workspace the object may lie before the operator calls the episode a
    failure [m]; null for never. Without a workspace `robot.operator` may say what is hopeless."""
    intervention: Changeable[InterventionConfig] = InterventionConfig()
    """When the operator takes over, and for how long."""

    @model_validator(mode="after")
    def _skilled(self) -> Self:
        """What nobody says is as the skill has it; and still nobody has said it."""
        take_over = self.__dict__["intervention"] = self.intervention.model_copy()
        for block, own in ((self, _HANDS[self.skill]), (take_over, _TAKE_OVERS[self.skill])):
            unsaid = own.keys() - block.model_fields_set
            block.__dict__.update({name: own[name] for name in unsaid})  # frozen from here on
        return self

    @model_serializer(mode="wrap")
    def _beside_the_skill(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what the skill says anyway, so that another skill can be set on top."""
        named = {"type": self.type, "skill": self.skill}
        return named | _beside(handler(self), handler(ScriptedTeleopConfig(skill=self.skill)))


def _beside(content: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from what is ``usual``, block by block."""
    return {
        name: _beside(value, usual.get(name, {})) if isinstance(value, Mapping) else value
        for name, value in content.items()
        if name not in usual or value != usual[name]
    }


@STEPS.register("processors.leader:make_tip")
class LeaderTipConfig(ActionStepConfig):
    """The action that brings the gripper where a leader's is."""

    type: Literal["leader_tip"] = "leader_tip"
    """What the step does."""


@STEPS.register("processors.leader:make_joints")
class LeaderJointsConfig(ActionStepConfig):
    """The action that does what following a leader joint by joint will do."""

    type: Literal["leader_joints"] = "leader_joints"
    """What the step does."""


@STEPS.register("processors.leader:make_target")
class LeaderTargetConfig(ActionStepConfig):
    """The joints on their way to a leader's."""

    type: Literal["leader_target"] = "leader_target"
    """What the step does."""


class LeaderConfig(ServoArmConfig, TeleopConfig):
    """What an SO100 and an SO101 leader share: the arm in an operator's hand."""

    has_motors = by_keys = True
    leads: ClassVar[Literal[True]] = True

    port: UserText = "/dev/ttyACM1"
    """Serial port of the leader; `hil-app find-port` finds it."""
    control: Literal["end_effector", "joints"] = "end_effector"
    """What of the leader the arm follows: the gripper's position, or every joint. Either way the
    policy learns from the end-effector action that does the same."""
    follow_torque: float = Field(30.0, gt=0, le=100)
    """Torque with which the leader follows the arm while the policy acts [% of stall torque]; with
    so little a hand can stop it."""
    follow_speed: float = Field(90.0, ge=1, le=360)
    """Fastest that it then moves [deg/s]; the gripper twice as fast [%/s]."""
    patience_s: float = Field(0.5, gt=0, le=2)
    """How long one of its motors may stay silent before the run ends [s]; until then the arm holds
    if the operator leads."""
    deadman_s: float = Field(5.0, ge=1, le=60)
    """Time without a poll after which a process of its own lets the leader down [s]: the program
    stands still, and cannot do it itself. It does so at once if the program dies."""

    @property
    def steps(self) -> tuple[StepConfig, ...]:
        """Those that make an action of its joints."""
        if self.control == "end_effector":
            return (LeaderTipConfig(name="leader", after="hand-over"),)
        return (
            LeaderJointsConfig(name="leader", after="hand-over"),
            LeaderTargetConfig(name="leader's joints", after="inverse kinematics"),
        )

    @property
    def leader(self) -> LeaderConfig:
        """Itself."""
        return self

    def check(self, run: RunConfig) -> None:
        """Raise ValueError if its port is the robot's, or a tick longer than its deadman waits."""
        tick, patience = 1.0 / run.env.fps, self.deadman_s
        if tick >= patience:
            raise ValueError(
                f"teleop.deadman_s: {patience:g} s are over before the next tick, after {tick:g} "
                "s: set more, or a higher env.fps"
            )
        other = run.robot.bus
        if other is not None and same_device(self.port, other):
            named = other if self.port == other else f"{self.port}, which is {other},"
            raise ValueError(
                f"teleop.port: {named} is the arm's own port (robot.port): name the leader's, "
                "`hil-app find-port` finds it"
            )


@TELEOPS.register("teleop.leader:make")
class SO101LeaderConfig(LeaderConfig):
    """An SO101 leader on its servo bus."""

    type: Literal["so101_leader"] = "so101_leader"
    """The teleoperator's name."""


@TELEOPS.register("teleop.leader:make")
class SO100LeaderConfig(LeaderConfig):
    """An SO100 leader on its servo bus."""

    type: Literal["so100_leader"] = "so100_leader"
    """The teleoperator's name."""
