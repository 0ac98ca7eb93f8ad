"""The ledger: what is claimed, by articles and by this book, what was measured, and the verdict."""
