"""What lies where in a dataset, and what its columns hold."""
