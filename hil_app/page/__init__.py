"""The operator's page: a run in the browser, served by a process of its own.

In the run's process a thread (`feeder`) looks at what a run is at, as the other views do, and
hands on what the page asks for; in the page's process (`__main__`) a web server has the browsers.
"""
