"""Devices that stand in for real ones, for tests and demos; chosen only by name."""
