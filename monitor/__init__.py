"""What we do about what is said of a school."""
