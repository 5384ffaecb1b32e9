"""Configs of lerobot's gym_manipulator, brought to ours."""
