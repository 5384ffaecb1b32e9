"""Measurements behind ``hil-app bench``."""
