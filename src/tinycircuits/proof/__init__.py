"""Proofs about a one-layer model, over all its inputs, without a list of them: a search, and a separate checker."""
