"""The core of sciformer."""
