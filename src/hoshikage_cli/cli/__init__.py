"""The command line: settings, runs, words and exit codes."""
