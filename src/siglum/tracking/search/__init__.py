"""MLflow's search language: text to a typed tree, the tree to SQL with bound values. Pure functions only."""
