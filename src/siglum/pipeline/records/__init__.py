"""What came of stages: dvc.lock as values and as text, merging two of them, and the run cache."""
