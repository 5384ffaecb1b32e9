"""What the operator sees of a run in the terminal and the window."""
