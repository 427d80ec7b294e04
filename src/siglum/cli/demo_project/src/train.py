"""Train a classifier, log the run to Siglum and register the model."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import yaml
from matplotlib.figure import Figure
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import siglum
import siglum.sklearn

PREPARED = Path("data/prepared")
WEIGHTS = Path("models/classifier.json")


def read(name: str) -> tuple[pd.DataFrame, pd.Series[int]]:
    """Return the measurements and labels of one part of the data."""
    table = pd.read_csv(PREPARED / f"{name}.csv")
    return table.drop(columns="benign"), table["benign"]


def main() -> None:
    """Train for some epochs; write models/classifier.json, which the next stage reads."""
    params = yaml.safe_load(Path("params.yaml").read_text())["train"]
    x_train, y_train = read("train")
    x_test, y_test = read("test")

    siglum.set_experiment("cancer")
    with siglum.start_run():
        siglum.log_params(params)
        scaler = StandardScaler().fit(x_train)
        classifier = SGDClassifier(loss="log_loss", alpha=params["alpha"], random_state=params["seed"])
        model = make_pipeline(scaler, classifier)
        for epoch in range(params["epochs"]):
            classifier.partial_fit(scaler.transform(x_train), y_train, classes=[0, 1])
            loss = log_loss(y_train, model.predict_proba(x_train))
            accuracy = accuracy_score(y_test, model.predict(x_test))
            siglum.log_metrics({"loss": loss, "accuracy": accuracy}, step=epoch)

        figure = Figure(figsize=(4, 4))
        ConfusionMatrixDisplay.from_estimator(model, x_test, y_test, ax=figure.subplots(), colorbar=False)
        siglum.log_figure(figure, "confusion_matrix.png")
        siglum.sklearn.log_model(
            model, name="model", registered_model_name="cancer-classifier", input_example=x_train.head(3)
        )

    WEIGHTS.parent.mkdir(exist_ok=True)
    weights = {
        "mean": scaler.mean_.tolist(),
        "scale": scaler.scale_.tolist(),
        "coefficients": classifier.coef_[0].tolist(),
        "intercept": float(classifier.intercept_[0]),
    }
    WEIGHTS.write_text(json.dumps(weights, indent=1) + "\n")
    print(f"loss {loss:.4f}, accuracy {accuracy:.4f} after {params['epochs']} epochs")


if __name__ == "__main__":
    main()
