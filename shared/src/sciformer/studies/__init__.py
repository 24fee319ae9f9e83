"""Studies: several trainings, and a report that compares them."""
