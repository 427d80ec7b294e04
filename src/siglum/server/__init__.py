"""HTTP: MLflow's REST routes, Siglum's own, and the files of runs and models, served from the stores.

`routes` is the one table of what is served; `dispatch` finds a row and runs it; `guard` decides who may ask at all;
`errors` is the one place where an error becomes an answer. What is done lies in the stores, not here.
"""
