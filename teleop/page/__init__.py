"""An operator in a browser: what the operator's page hears of a device, and presses on it."""
