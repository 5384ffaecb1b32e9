"""Where the learner runs when it is not a thread of the run."""
