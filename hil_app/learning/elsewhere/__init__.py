"""The learner in another process: the same surface as the thread's, over a socket."""
