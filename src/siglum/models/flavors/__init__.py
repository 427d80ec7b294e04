"""One module per framework: how its models are saved to a folder and loaded from one."""
