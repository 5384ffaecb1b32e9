"""Measurements behind ``hil-app bench``."""

from typing import Any

from configs.errors import HilAppError

Result = dict[str, Any]  # what a benchmark found, as JSON has it


class BenchError(HilAppError):
    """Something of a benchmark failed; the message has its last words."""
