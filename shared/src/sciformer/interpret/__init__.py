"""What a trained network computes on the way: activation cache, hooks, activation patching."""
