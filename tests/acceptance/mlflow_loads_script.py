"""Load models that Siglum logged, with MLflow's own package. Run as: mlflow_loads_script.py PORT MODEL_URI...

Prints one line of JSON: for each URI, what the model predicts for the test half of the table.
"""

import json
import sys

import mlflow
import mlflow.pyfunc
import mlflow.sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

mlflow.set_tracking_uri(f"http://localhost:{sys.argv[1]}")
table, target = load_breast_cancer(return_X_y=True, as_frame=True)
_, X_test, _, _ = train_test_split(table, target, test_size=0.25, random_state=0)

predicted = {}
for uri in sys.argv[2:]:
    labels = mlflow.sklearn.load_model(uri).predict(X_test)
    assert list(mlflow.pyfunc.load_model(uri).predict(X_test)) == list(labels)
    predicted[uri] = [int(label) for label in labels]
print(json.dumps(predicted))
