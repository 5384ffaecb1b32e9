"""Bringing back what a crash or damage left of a dataset."""
