"""Changes to what is tracked and to dvc.yaml that leave the rest of the files as they are."""
