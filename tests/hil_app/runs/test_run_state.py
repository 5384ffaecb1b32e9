"""How far a run is, as a checkpoint has it."""

import pytest

from hil_app.runs.state import RunState


@pytest.mark.parametrize("content", [[], {}, {"updates": 3}, ["ticks"], None, 3])
def test_a_state_that_is_none_is_no_run_that_begins_anew(content):
    with pytest.raises((TypeError, ValueError)):
        RunState.parse(content)
