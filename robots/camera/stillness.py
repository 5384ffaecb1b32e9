"""Whether a camera hangs: it gives its last image again and again, as if all were well."""

from __future__ import annotations

import numpy as np

from robots.base import F32, GRIPPER

_FAR = 10.0  # the furthest that a joint may go without an image to show it [deg]
_LONG_S, _PERIODS = 1.0, 4.0  # images may come so late, whichever is longer


class Stillness:
    """Tells a camera that hangs from a scene in which nothing happens: the arm moves.

    A camera's own noise makes each image another, but those of a simulated one may stay the same.
    ``fps`` is the rate of its images.
    """

    def __init__(self, fps: float) -> None:
        self._patience_s = max(_LONG_S, _PERIODS / fps)
        self._changed: float | None = None
        self._joints: F32  # (6,) [deg, %], as they were when the image changed
        self._left: float | None = None  # when the arm was far from there first [s]

    def lasts_too_long(self, changed: float, joints: F32, at: float) -> bool:
        """Whether the image of ``changed`` [s] still comes ``at`` [s], long after the arm left.

        ``joints`` (6,) [deg, %] are where the arm is.
        """
        if changed != self._changed:
            self._changed, self._joints, self._left = changed, joints, None
        if self._left is None and np.abs(joints - self._joints)[:GRIPPER].max() > _FAR:
            self._left = at
        return self._left is not None and at - self._left > self._patience_s
