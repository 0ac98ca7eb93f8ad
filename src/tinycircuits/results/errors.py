"""What can be wrong with a stored result. Light to import: the command line knows them before it loads any library."""


class StoreError(Exception):
    """A result cannot be read or written; the message says which file."""


class MissingResult(StoreError):
    """No result is stored under this key."""


class CorruptResult(StoreError):
    """A stored file is damaged, truncated or absent, or does not belong to its key."""
