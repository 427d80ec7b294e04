"""The stores over HTTP: a session, and one class for each port. Works against Siglum's server and MLflow's."""
