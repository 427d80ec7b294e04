"""Files of runs and models: the port, and the local store that keeps each content once."""
