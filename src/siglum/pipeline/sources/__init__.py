"""Data of other repositories and places: found, looked at, fetched, imported, and kept up with."""
