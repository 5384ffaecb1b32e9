"""Changing a dataset that exists: which episodes, which frames of them, and what they came to."""
