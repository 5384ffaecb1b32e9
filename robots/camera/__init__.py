"""Cameras: capture, the newest images of all, and finding them."""
