"""Studies: many trainings, one table."""
