"""What all tests share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from virtual_arms import Running, virtual_arm

# These machines are shared: an example's time says nothing. In CI every run tries the same ones.
settings.register_profile("shared", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("shared")


@pytest.fixture(scope="module")
def chain() -> Iterator[Running]:
    """A virtual arm without a world, in order when the module begins."""
    with virtual_arm() as running:
        yield running
