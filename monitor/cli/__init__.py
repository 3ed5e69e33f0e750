"""The command `monitor`, for people at a terminal."""
