"""Runs: session, training, evaluation, recording, resuming, report."""
