"""The application: the loop, the learner, the recordings and the command line."""
