"""``hil-app dataset ...``, one module a command."""
