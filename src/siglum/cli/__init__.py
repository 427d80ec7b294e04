"""The command line: one module per group of commands, and nothing in them but arguments and printing."""
