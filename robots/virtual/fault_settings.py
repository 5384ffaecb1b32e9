"""Everything that can be made to go wrong with a virtual arm, while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from configs.base import Config
from robots.base import JOINTS, RobotError


def _known(name: str) -> str:
    if name not in JOINTS:
        raise ValueError(f"no such motor; motors: {', '.join(JOINTS)}")
    return name


def _listed(names: object) -> object:
    if names == "all":
        return JOINTS
    return [names] if isinstance(names, str) else names


Motor = Annotated[str, AfterValidator(_known)]
MotorNames = Annotated[tuple[Motor, ...], BeforeValidator(_listed)]  # also one, or "all"
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Byte = Annotated[int, Field(ge=0, le=255)]


class FaultSettings(Config):
    """What a virtual arm does wrong; the defaults are an arm in order."""

    drop: Share = 0.0
    """Share of the motors' answers that are lost."""
    drop_next: Count = 0
    """The next so many answers are lost."""
    corrupt: Share = 0.0
    """Share of answers with a flipped bit."""
    corrupt_next: Count = 0
    """The next so many answers have a flipped bit."""
    truncate: Share = 0.0
    """Share of answers that are cut short."""
    truncate_next: Count = 0
    """The next so many answers are cut short."""
    garbage: Share = 0.0
    """Share of answers with random bytes before them."""
    garbage_next: Count = 0
    """The next so many answers have random bytes before them."""
    delay_share: Share = 0.0
    """Share of answers that come late, by delay_ms."""
    delay_next: Count = 0
    """The next so many answers come late, by delay_ms."""
    delay_ms: float = Field(60.0, ge=0, le=10_000)
    """How late the late ones are [ms]; the SDK waits for 34 ms."""
    latency_ms: float = Field(0.0, ge=0, le=1000)
    """Time until every answer [ms]; a real chain takes about 3 ms."""
    fault_seed: int = 0
    """Seed of the choice which answers go wrong, and how."""
    errors: dict[Motor, Byte] = Field(default_factory=dict)
    """Error bits in the answers of motors: 1 voltage, 2 angle sensor, 4 overheat, 8 over-current,
    32 overload."""
    missing: MotorNames = ()
    """Motors that neither hear nor answer; they have power, and go on as they were told."""
    duplicate: MotorNames = ()
    """Motors whose ID answers twice."""
    connected: MotorNames = JOINTS
    """Motors that are plugged in, or all; the others have no power."""
    model: dict[Motor, Annotated[int, Field(ge=0, le=0xFFFF)]] = Field(default_factory=dict)
    """Model numbers that differ."""
    firmware: dict[Motor, tuple[Byte, Byte]] = Field(default_factory=dict)
    """Firmware versions (major, minor) that differ."""
    voltage: float = Field(12.0, ge=0, le=25)
    """Supply [V]."""
    temperature: dict[Motor, Annotated[float, Field(ge=-20, le=150)]] = Field(default_factory=dict)
    """Temperatures at which motors stay, whatever they do [deg C]."""
    load: dict[Motor, Annotated[float, Field(ge=-100, le=100)]] = Field(default_factory=dict)
    """Loads that motors feel, whatever they do [% of stall torque]."""
    stuck: MotorNames = ()
    """Motors whose joint is blocked."""
    max_jump: int = Field(683, ge=0)
    """Distance from goal to present position, torque on, from which it is a violation [step]."""
    power_cycle: bool = False
    """True switches the power off and on, once."""
    gone_s: float = Field(0.0, ge=0, le=3600)
    """The port vanishes for so long, once; 0 brings it back [s]."""

    for_s: float = Field(0.0, ge=0, le=3600)
    """So long all this lasts, once; then the arm is in order. 0 for good [s]."""

    def with_changes(self, changes: Mapping[str, Any]) -> FaultSettings:
        """These settings with ``changes``; raises RobotError with what is allowed."""
        try:
            return FaultSettings.model_validate(self.model_dump() | dict(changes))
        except ValidationError as error:
            raise RobotError("; ".join(_explain(fault) for fault in error.errors())) from None


def _explain(fault: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    if fault["type"] == "extra_forbidden":
        return f"{name}: no such setting; settings: {', '.join(FaultSettings.model_fields)}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{name}: {message}, got {fault['input']!r}"


IN_ORDER: Mapping[str, Any] = FaultSettings().model_dump(
    mode="json", exclude={"gone_s", "power_cycle"}
)
"""Changes after which nothing goes wrong; a port that is gone comes back when it was to."""
