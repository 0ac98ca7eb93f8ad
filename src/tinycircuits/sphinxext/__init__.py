"""The book's Sphinx extensions, loaded through ``_config.yml``.

``mimes`` shows figures and tables, ``figures`` writes them as files, ``assets`` serves scripts, styles and formulas without
a network, ``rebuild`` executes exactly the chapters whose inputs changed.
"""
