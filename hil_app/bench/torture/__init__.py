"""Hostile inputs and hostile surroundings, counted by kind."""
