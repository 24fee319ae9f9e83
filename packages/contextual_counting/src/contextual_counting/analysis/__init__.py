"""Which circuit a trained network counts with: what it attends to, and what follows from it."""
