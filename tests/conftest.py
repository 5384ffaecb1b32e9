"""What all tests share."""

import os

from hypothesis import settings

# These machines are shared: an example's time says nothing. In CI every run tries the same ones.
settings.register_profile("shared", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("shared")
