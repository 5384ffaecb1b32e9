"""The steps in between: action steps, env steps, the gripper penalty."""
