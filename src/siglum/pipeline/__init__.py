"""dvc.yaml: templating, stages, graph, lock file, run cache, execution; parameters and metrics files."""
