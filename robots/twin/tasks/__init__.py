"""The tasks of the twin's arm, one in each file, and what they share."""
