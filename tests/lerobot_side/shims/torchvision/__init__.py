"""The little of torchvision that lerobot's datasets use, where torchvision cannot be installed.

Its wheels are built for one build of torch each; beside another one they do not even import.
"""

from . import io, transforms

__all__ = ["io", "set_video_backend", "transforms"]


def set_video_backend(backend: str) -> None:
    """Accept PyAV, the one that is here."""
    if backend != "pyav":
        raise ValueError(f"this stand-in for torchvision has no {backend}, only pyav")
