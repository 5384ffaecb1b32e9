"""Hands: the scripted operator, and what every teleoperator offers the loop."""
