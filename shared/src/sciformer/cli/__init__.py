"""Command line: commands, options, configuration files, one-line errors."""
