"""The analyses: pure functions of a model and its inputs that return frozen results, one a module."""
