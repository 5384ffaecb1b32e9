"""Teleoperators: the scripted operator, and what each of them offers the loop."""
