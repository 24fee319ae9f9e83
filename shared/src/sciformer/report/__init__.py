"""Reports: ``metrics.json``, one HTML page, figures."""
