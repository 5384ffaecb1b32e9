"""The control loop, its clock, its policy, and who watches it."""
