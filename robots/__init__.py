"""Bodies: the simulated SO100/SO101, their kinematics and what every body offers the loop."""
