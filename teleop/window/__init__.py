"""The operator's window: a small program of its own, and how to talk to it."""
