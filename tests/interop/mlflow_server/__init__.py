"""Siglum's client against a real MLflow server: its calls, and what the server answered to them."""
