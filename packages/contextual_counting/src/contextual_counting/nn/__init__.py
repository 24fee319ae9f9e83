"""The counting transformer and its parts, plain torch."""
