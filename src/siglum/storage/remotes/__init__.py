"""Places that hold copies of objects: the port, its wrappers and one module per protocol."""
