"""A trained xVal at work: fill masked numbers."""
