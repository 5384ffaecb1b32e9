"""The learner's part of a run: its algorithm, networks and policy."""
