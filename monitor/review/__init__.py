"""Showing one matter in full to the person who decides."""
