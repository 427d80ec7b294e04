"""Packaging of models: MLmodel, flavors, signatures, environments, safe loading."""
