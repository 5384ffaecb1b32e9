"""Trials of a training with other options: which of them do best, found with Ray Tune."""
