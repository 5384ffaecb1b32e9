"""What trimmed and marked episodes came to, in the columns that say so.

A mark writes what an operator's press at the last frame would have written: success ends an episode
with the reward 1, failure with 0, and neither is cut short.
"""

from __future__ import annotations

import numpy as np

from configs.names import DONE, REWARD, TRUNCATED
from hil_app.recording.format.layout import SUCCESS
from hil_app.recording.format.rows import Numbers

OUTCOME = (REWARD, DONE, TRUNCATED, SUCCESS)


def outcome_of(columns: Numbers, first: int, end: int, success: bool | None) -> Numbers:
    """The columns (T,) of :data:`OUTCOME` that there are, of the frames ``first`` to ``end`` - 1.

    Without a mark, an end that is not final is truncated: what made the episode a success may be
    among the frames that are left out. A reward is a mark's to write if all of the episode are 0
    or 1, as success makes them; others are the environment's, and stay.
    """
    found = {key: columns[key][first:end].copy() for key in OUTCOME if key in columns}
    if success is not None and not (success and _succeeded(found)):
        _mark(found, success)
    elif TRUNCATED in found and DONE in found:
        found[TRUNCATED][-1] |= not found[DONE][-1]
    return found


def _mark(columns: Numbers, success: bool) -> None:
    sparse = REWARD in columns and bool(np.isin(columns[REWARD], (0, 1)).all())
    if not success:
        if SUCCESS in columns:
            columns[SUCCESS][:] = False
        if sparse:
            columns[REWARD][:] = 0
    elif SUCCESS in columns:
        columns[SUCCESS][-1] = True
    if success and sparse:
        columns[REWARD][-1] = 1
    if DONE in columns:
        columns[DONE][-1] = True
    if TRUNCATED in columns:
        columns[TRUNCATED][-1] = False


def _succeeded(columns: Numbers) -> bool:
    """Whether one of the frames says so; where none can, whether the end was rewarded."""
    if SUCCESS in columns:
        return bool(columns[SUCCESS].any())
    if REWARD in columns and DONE in columns:
        return bool(columns[DONE][-1] and columns[REWARD][-1] > 0)
    return False
