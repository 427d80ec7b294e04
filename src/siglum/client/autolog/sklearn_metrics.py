"""Metrics and pictures of what an estimator does on the data that it was trained on, under MLflow's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siglum.client.autolog.training import Training

_MOST_CLASSES = 50
"""A confusion matrix of more classes is no picture."""


def log(training: Training, estimator: Any, features: Any, targets: Any, weights: Any) -> None:
    """Log metrics and pictures of an estimator that has been fitted."""
    from sklearn.base import is_classifier, is_regressor  # the user has imported it

    if features is None or not hasattr(estimator, "predict"):
        return
    if targets is None:
        training.part("training_score", lambda: training.metrics(_score(estimator, features, None, None)))
        return
    truth = _labels(targets)
    predicted = estimator.predict(features)
    if is_classifier(estimator):
        training.metrics(_classifier_metrics(truth, predicted, weights, training.settings.pos_label))
        training.part("probabilities", lambda: training.metrics(_probability_metrics(estimator, features, truth)))
        _draw_classifier(training, estimator, features, truth, predicted)
    elif is_regressor(estimator):
        training.metrics(_regressor_metrics(truth, predicted, weights))
    training.part("training_score", lambda: training.metrics(_score(estimator, features, targets, weights)))


def html_of(estimator: Any) -> str:
    """Return the page that shows an estimator's parts."""
    from sklearn.utils import estimator_html_repr  # the user has imported it

    return str(estimator_html_repr(estimator))


def _labels(targets: Any) -> Any:
    import numpy  # scikit-learn brings it

    values = numpy.asarray(targets)
    return values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values


def _score(estimator: Any, features: Any, targets: Any, weights: Any) -> dict[str, float]:
    if not hasattr(estimator, "score"):
        return {}
    if weights is None:
        return {"training_score": estimator.score(features, targets)}
    try:
        return {"training_score": estimator.score(features, targets, sample_weight=weights)}
    except TypeError:
        return {"training_score": estimator.score(features, targets)}


def _classifier_metrics(truth: Any, predicted: Any, weights: Any, pos_label: Any) -> Mapping[str, float]:
    from sklearn import metrics

    averaged: dict[str, Any] = {"average": "weighted"} if pos_label is None else {"pos_label": pos_label}
    options: dict[str, Any] = {"sample_weight": weights, "zero_division": 0, **averaged}
    return {
        "training_precision_score": metrics.precision_score(truth, predicted, **options),
        "training_recall_score": metrics.recall_score(truth, predicted, **options),
        "training_f1_score": metrics.f1_score(truth, predicted, **options),
        "training_accuracy_score": metrics.accuracy_score(truth, predicted, sample_weight=weights),
    }


def _probability_metrics(estimator: Any, features: Any, truth: Any) -> Mapping[str, float]:
    from sklearn import metrics

    if not hasattr(estimator, "predict_proba") or truth.ndim != 1:
        return {}
    probabilities = estimator.predict_proba(features)
    found = {"training_log_loss": metrics.log_loss(truth, probabilities, labels=estimator.classes_)}
    if len(estimator.classes_) == 2:
        found["training_roc_auc"] = metrics.roc_auc_score(truth, probabilities[:, 1])
    elif len(estimator.classes_) > 2:
        found["training_roc_auc"] = metrics.roc_auc_score(
            truth, probabilities, average="weighted", multi_class="ovo", labels=estimator.classes_
        )
    return found


def _regressor_metrics(truth: Any, predicted: Any, weights: Any) -> Mapping[str, float]:
    from sklearn import metrics

    squared = float(metrics.mean_squared_error(truth, predicted, sample_weight=weights))
    return {
        "training_mean_squared_error": squared,
        "training_root_mean_squared_error": squared**0.5,
        "training_mean_absolute_error": metrics.mean_absolute_error(truth, predicted, sample_weight=weights),
        "training_r2_score": metrics.r2_score(truth, predicted, sample_weight=weights),
    }


def _draw_classifier(training: Training, estimator: Any, features: Any, truth: Any, predicted: Any) -> None:
    from sklearn import metrics

    classes: Any = getattr(estimator, "classes_", ())
    if truth.ndim != 1 or not 1 < len(classes) <= _MOST_CLASSES:
        return
    training.figure(
        "training_confusion_matrix.png",
        lambda axes: metrics.ConfusionMatrixDisplay.from_predictions(
            truth, predicted, normalize="true", cmap="Blues", colorbar=False, ax=axes
        ),
    )
    if len(classes) == 2 and hasattr(estimator, "predict_proba"):
        positive, name = estimator.predict_proba(features)[:, 1], type(estimator).__name__
        training.figure(
            "training_roc_curve.png",
            lambda axes: metrics.RocCurveDisplay.from_predictions(
                truth, positive, pos_label=classes[1], name=name, ax=axes
            ),
        )
        training.figure(
            "training_precision_recall_curve.png",
            lambda axes: metrics.PrecisionRecallDisplay.from_predictions(
                truth, positive, pos_label=classes[1], name=name, ax=axes
            ),
        )
