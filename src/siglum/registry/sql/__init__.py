"""The registry on a database, with its audit log in the same transactions."""
