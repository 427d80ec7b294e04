"""What a pipeline is: dvc.yaml as written and without its templates, and the stages that it means."""
