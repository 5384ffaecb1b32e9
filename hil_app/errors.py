"""What ends a command in one line; the whole tree is drawn at the top of ``configs/errors.py``."""

from configs.errors import ConfigError, HilAppError

__all__ = ["ConfigError", "HilAppError"]
