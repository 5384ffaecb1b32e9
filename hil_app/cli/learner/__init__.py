"""``hil-app learner``: a learner that robots on other computers join."""
