"""``hil-app setup``: from a boxed arm to a saved configuration."""
