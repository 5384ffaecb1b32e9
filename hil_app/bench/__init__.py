"""Measurements behind ``hil-app bench``."""

from typing import Any

Result = dict[str, Any]  # what a benchmark found, as JSON has it
