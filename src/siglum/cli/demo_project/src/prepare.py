"""Split data/cancer.csv into rows to train on and rows to test on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml
from sklearn.model_selection import train_test_split

SOURCE = Path("data/cancer.csv")
TARGET = Path("data/prepared")


def main() -> None:
    """Write data/prepared/train.csv and data/prepared/test.csv."""
    params = yaml.safe_load(Path("params.yaml").read_text())["prepare"]
    table = pd.read_csv(SOURCE)
    train, test = train_test_split(
        table, test_size=params["test_fraction"], random_state=params["seed"], stratify=table["benign"]
    )
    TARGET.mkdir(parents=True, exist_ok=True)
    train.to_csv(TARGET / "train.csv", index=False)
    test.to_csv(TARGET / "test.csv", index=False)
    print(f"{len(train)} rows to train on, {len(test)} to test on")


if __name__ == "__main__":
    main()
