"""The stores over HTTP: MLflow's REST API, spoken by Siglum's server and by MLflow's."""
