"""What we know, in SQL: methods in our words, dataclasses in and out, one transaction per writing method."""
