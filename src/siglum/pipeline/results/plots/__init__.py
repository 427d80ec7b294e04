"""Plots: what `dvc.yaml` declares, the rows behind it, and pictures of them as SVG, text and Vega-Lite."""
