"""Soft actor-critic: the algorithm, its losses and its optimisers."""
