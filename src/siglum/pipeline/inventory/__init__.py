"""Everything that a repository tracks, of `.dvc` files and of stages, in the workspace and at any revision."""
