"""The same training script as `tracking_program.py`, with MLflow's own package, unmodified.

Run as: mlflow_client_script.py PORT, by a Python that has MLflow and not Siglum. Prints one line of JSON about what it
saw, for the test that started it.
"""

import json
import sys
from pathlib import Path

import matplotlib
import mlflow
import mlflow.sklearn
from mlflow.tracking import MlflowClient

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
from sklearn.model_selection import train_test_split

PORT = sys.argv[1]

mlflow.set_tracking_uri(f"http://localhost:{PORT}")
mlflow.set_experiment("customer-churn")

table, target = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(table, target, test_size=0.25, random_state=0)

run_ids = []
trained = {}
for n_estimators in (5, 10, 20):
    with mlflow.start_run(run_name=f"forest-{n_estimators}") as run:
        mlflow.log_param("n_estimators", n_estimators)
        mlflow.log_params({"max_depth": 5, "random_state": 42})
        model = RandomForestClassifier(n_estimators=n_estimators, max_depth=5, random_state=42)
        model.fit(X_train, y_train)
        predictions = model.predict(X_test)
        mlflow.log_metric("accuracy", accuracy_score(y_test, predictions))
        for epoch in range(5):
            mlflow.log_metric("loss", 1 / (epoch + 1), step=epoch)

        mlflow.sklearn.log_model(
            model,
            artifact_path="model",
            registered_model_name="churn-predictor",
            serialization_format="cloudpickle",  # MLflow 3.17.2 cannot log a forest as skops
        )

        ConfusionMatrixDisplay.from_predictions(y_test, predictions)
        plt.savefig("confusion_matrix.png")
        plt.close("all")
        mlflow.log_artifact("confusion_matrix.png")
        pd.DataFrame({"predicted": predictions}).to_csv("predictions.csv", index=False)
        mlflow.log_artifact("predictions.csv")
    run_ids.append(run.info.run_id)
    trained[n_estimators] = predictions

registered = [model.name for model in mlflow.search_registered_models()]
client = MlflowClient()
latest = client.get_latest_versions("churn-predictor")
staged = client.transition_model_version_stage(name="churn-predictor", version=3, stage="Staging")
client.set_registered_model_alias("churn-predictor", "champion", 2)

same = {}
for uri, n_estimators in {
    "models:/churn-predictor/3": 20,
    "models:/churn-predictor/Staging": 20,
    "models:/churn-predictor@champion": 10,
}.items():
    loaded = mlflow.sklearn.load_model(uri)
    same[uri] = bool((loaded.predict(X_test) == trained[n_estimators]).all())

found = mlflow.search_runs(order_by=["metrics.accuracy DESC"])
picture = Path(client.download_artifacts(run_ids[0], "confusion_matrix.png")).read_bytes()
print(
    json.dumps(
        {
            "run_ids": run_ids,
            "registered": registered,
            "latest": [str(version.version) for version in latest],
            "stage": staged.current_stage,
            "same": same,
            "found": len(found),
            "picture": picture[:4].hex(),
            "files": sorted(entry.path for entry in client.list_artifacts(run_ids[0])),
            "losses": len(client.get_metric_history(run_ids[0], "loss")),
            "predicted": [int(label) for label in trained[20]],
        }
    )
)
