"""`hil-app page` alone, without a run: start runs, look at finished ones, set an arm up.

A subject is a module here, which has its ``routes``, and a folder of the front end.
"""
