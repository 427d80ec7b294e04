"""The same calls against two servers: see `__main__`, `record` and `tests/interop/test_mlflow_calls.py`."""
