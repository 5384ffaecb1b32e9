"""Soft actor-critic, which :mod:`.sac` tells from top to bottom.

An update is a few steps. For each :mod:`.losses` says what is to become small, :mod:`.passes`
differentiates that, :mod:`.optimizers` takes the step, or none where something is not finite, and
:mod:`.records` is what came of it. :mod:`.temperature` weighs the entropy, :mod:`.schedules` has
the learning rates, :mod:`.q_values` what the critics make of a tick.
"""
