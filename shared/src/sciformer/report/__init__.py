"""Reports: ``metrics.json``, one page of HTML, figures."""
