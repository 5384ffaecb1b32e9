"""The operator at the page, as a teleoperator."""

from __future__ import annotations

from typing import Any, Self

from configs.base import ConfigError
from configs.page import PageTeleopConfig
from teleop import manual
from teleop.base import Acts
from teleop.device import Device, DeviceState
from teleop.page.device import PageDevice


def make(
    config: PageTeleopConfig, *, device: Device | None, acts: Acts, **context: Any
) -> manual.ManualTeleop:
    """The operator at the page; a demonstration waits for one who has the controls.

    Raises ConfigError where no page is served, and as :func:`teleop.manual.make` does.
    """
    if not isinstance(device, PageDevice):
        raise ConfigError("teleop.type: page drives runs of hil-app's commands only")
    served = _Demonstrating(device) if acts == "always" else device
    return manual.make(config, device=served, acts=acts, **context)


class _Demonstrating:
    """A page's device that is lost, too, while nobody has the controls: no frame may be taken for
    a demonstration then."""

    def __init__(self, device: PageDevice) -> None:
        self._device = device
        self.name, self.rumble = device.name, device.rumble

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Whoever entered the device leaves it."""

    def poll(self) -> DeviceState | None:
        """As of the device; None while it is unattended."""
        state = self._device.poll()
        return state if self._device.attended or (state and state.pressed) else None
