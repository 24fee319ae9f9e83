"""What the networks are trained for: plain torch."""
