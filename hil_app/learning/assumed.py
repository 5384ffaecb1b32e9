"""What is taken for granted where data or a config does not say it, reported once."""

from __future__ import annotations

import logging
from functools import cache


@cache
def tell_once(line: str) -> None:
    """Have the standard logging, which prints to stderr unless set up otherwise, warn of it."""
    logging.getLogger(__name__).warning(line)
