"""Score the trained weights on the test rows and write metrics.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

WEIGHTS = Path("models/classifier.json")


def main() -> None:
    """Write accuracy, precision and recall for malignant findings, the class that must not be missed."""
    table = pd.read_csv("data/prepared/test.csv")
    malignant = table["benign"].to_numpy() == 0
    weights = json.loads(WEIGHTS.read_text())
    scaled = (table.drop(columns="benign").to_numpy() - weights["mean"]) / weights["scale"]
    found = scaled @ np.array(weights["coefficients"]) + weights["intercept"] <= 0
    metrics = {
        "accuracy": float((found == malignant).mean()),
        "precision": float(malignant[found].mean()),
        "recall": float(found[malignant].mean()),
        "rows": len(table),
    }
    Path("metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
