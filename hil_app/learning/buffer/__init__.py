"""Transitions to learn from: the ring, its draws, batches and mixing."""
