"""One learner for several robots: what each has come to, and what of it is drawn."""
