"""The MuJoCo twin: its world, scene and renderer, and the robot in it."""
