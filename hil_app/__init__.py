"""The application: the loop, the learner, the recordings and the command line."""

from hil_app import namesakes

namesakes.check()  # before anything here takes another's package for ours
