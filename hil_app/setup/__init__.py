"""Setting up devices: which control is which."""
