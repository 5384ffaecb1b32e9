"""Setting up devices: which control is which; what guided commands tell a page."""
