"""``hil-app gamepad ...``, one module a command."""
