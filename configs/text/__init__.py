"""Texts from outside, read strictly and written whole."""
