"""The command line: verbs, options, configuration files, errors in one line."""
