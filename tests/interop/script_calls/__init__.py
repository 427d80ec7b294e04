"""The same script with MLflow and with Siglum: what its calls return, and what they refuse."""
