"""``hil-app runs`` and what is below it."""
