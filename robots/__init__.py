"""Robots: the simulated SO100/SO101, their kinematics and what every robot offers the loop."""
