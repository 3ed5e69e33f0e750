"""Keeping what was found as it was."""
