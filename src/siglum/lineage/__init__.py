"""M = f(C, D, P): capture, recipe, trace, diff, reproduce. The only place where data, runs and registry meet."""
