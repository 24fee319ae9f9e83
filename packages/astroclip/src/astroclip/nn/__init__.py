"""Parts of the networks: plain torch."""
