"""Exact rebuilds: ``inputs`` says what a chapter depends on, ``exact`` executes those that changed, in ``kernels``."""
