"""What a pipeline yields to look at: parameters, metrics, plots and named artifacts, at any revision."""
