"""Whole stores from one place to another: MLflow's into Siglum's, and Siglum's into a folder and back.

A *reader* yields what a source holds as Siglum's entities (`reader` is the port), a *sink* stores it. `transfer` walks
a reader once, in an order that lets each record find what it refers to.
"""
