"""``hil-app cluster``: computers that work together, by Ray."""
