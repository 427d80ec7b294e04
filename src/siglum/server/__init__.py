"""HTTP: MLflow's REST routes, Siglum's own, the artifact proxy."""
