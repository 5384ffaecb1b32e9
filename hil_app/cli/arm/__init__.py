"""Commands for an arm on its servo bus."""
