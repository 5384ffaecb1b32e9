"""The operator's page: a run in a browser, and an operator who drives it from one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from configs.base import Config
from configs.manual import KEYS, PAD, KeyboardConfig, PadConfig, terms
from configs.teleop import TELEOPS
from configs.text.paths import UserPath

if TYPE_CHECKING:
    from configs.run import RunConfig

LOOPBACK = ("127.0.0.1", "::1", "localhost")
KEY, TOUCH = "key", "touch"  # begin what the page calls a key, and what a finger does on its screen
TOUCH_STICKS = tuple(f"{TOUCH}{axis}" for axis in ("leftx", "lefty", "rightx", "righty"))
_BY_TOUCH = {
    "x": "-touchlefty",
    "y": "-touchleftx",
    "z": "-touchrighty",
    "take_over": "touchhold",
    "close": "touchclose",
    "open": "touchopen",
}


class PageConfig(Config):
    """The operator's page, for a browser on this computer; it has a process of its own."""

    enabled: bool | None = None
    """Serve the page; null does where the program has a terminal. --page=true says the same."""
    open: bool = False
    """Open the page in this computer's browser; --open says the same."""
    host: str = Field("127.0.0.1", min_length=1)
    """Address to serve at. Any but this computer's own can be reached from the network: set a
    certificate, too."""
    port: int | None = Field(None, ge=1, le=65535)
    """Port to serve at; null is 8080, or the next one that is free."""
    token: str | None = Field(None, min_length=16, pattern=r"^[A-Za-z0-9_.~-]+$", exclude=True)
    """What a browser must know to be let in; null makes one at random for each run. It is written
    into no file."""
    certificate: UserPath | None = None
    """PEM file with a certificate and its key, for https: from other computers, browsers read
    gamepads by no other way."""

    @classmethod
    def block(cls, content: Any) -> Any:
        """The block that a truth alone stands for."""
        return {"enabled": content} if isinstance(content, bool) else content

    @model_validator(mode="before")
    @classmethod
    def _of_a_truth(cls, content: Any) -> Any:
        return cls.block(content)

    @property
    def local(self) -> bool:
        """Whether only this computer can reach it."""
        return self.host in LOOPBACK


def _together(*layouts: Mapping[str, str]) -> Mapping[str, str]:
    """Layouts in one: any of their controls does a deed."""
    found: dict[str, str] = {}
    for layout in layouts:
        for deed, binding in layout.items():
            found[deed] = found.get(deed, "") + _signed(binding)
    return MappingProxyType(found)


def _signed(binding: str, prefix: str = "") -> str:
    """The same with a sign before each control, and a ``prefix``."""
    return "".join(f"{'+-'[sign < 0]}{prefix}{control}" for sign, control in terms(binding))


def _by_key(layout: Mapping[str, str]) -> dict[str, str]:
    return {deed: _signed(binding, KEY) for deed, binding in layout.items()}


@TELEOPS.register("teleop.page.teleop:make")
class PageTeleopConfig(PadConfig):
    """An operator in a browser, on the operator's page: a gamepad there, the keyboard, or touch."""

    device = "teleop.page.device:PageDevice"
    in_browser = True
    how = "in the browser that has the page"

    available: ClassVar[tuple[str, ...]] = (
        *PAD,
        *(f"{KEY}{name}" for name in KEYS),
        *TOUCH_STICKS,
        *("touchhold", "touchclose", "touchopen"),
    )
    position_layout: ClassVar[Mapping[str, str]] = _together(
        PadConfig.position_layout, _by_key(KeyboardConfig.position_layout), _BY_TOUCH
    )
    wrist_layout: ClassVar[Mapping[str, str]] = _together(
        PadConfig.wrist_layout,
        _by_key(KeyboardConfig.wrist_layout),
        {**_BY_TOUCH, "roll": "touchrightx"},
    )

    type: Literal["page"] = "page"
    """The teleoperator's name."""
    dead_man_ms: float = Field(150.0, ge=50, le=5000)
    """How long the browser of an operator who drives may stay silent before the arm counts as let
    go [ms]."""

    def check(self, run: RunConfig) -> None:
        """Raise ValueError if there is no page, or a control would do two things."""
        super().check(run)
        if run.page.enabled is False:
            raise ValueError(
                "page.enabled: the operator drives from the page: set it to true or null, or "
                "choose another teleop.type"
            )
