"""Finding the schools that a text speaks of, and telling them from others of their name."""
