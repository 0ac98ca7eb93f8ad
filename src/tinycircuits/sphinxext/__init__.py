"""What builds the book: ``pages`` the site, ``press`` the print edition, ``rebuild`` what is executed, ``notebooks``.

Sphinx extensions are loaded through ``_config.yml``, renderers of outputs through entry points in ``pyproject.toml``.
"""
