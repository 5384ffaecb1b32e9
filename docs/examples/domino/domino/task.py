"""Where the domino stands, and when it has fallen."""

from domino import SCENE
from robots.twin.tasks.base import put
from robots.twin.tasks.mjcf import MjcfTask


class Domino(MjcfTask):
    """What is in the file, where, and what a success is."""

    file = SCENE
    objects = ("domino",)

    def place(self, data, rng):
        """Upright, turned any way."""
        x, y, yaw = rng.uniform((0.19, -0.08, -1.5), (0.26, 0.08, 1.5))
        put(data, "domino", (x, y, 0.03), yaw)

    def done(self, now):
        """Its middle is lower than half of its width, and a bit."""
        return bool(now.objects["domino"][2] < 0.018)
