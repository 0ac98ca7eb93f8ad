"""The book's Sphinx extensions, loaded through ``_config.yml``.

``mimes`` shows figures and tables, ``figures`` writes them as files, ``assets`` serves scripts and styles and
``mathml`` formulas without a network, ``latex`` puts the print edition together
(``edition`` its title page, ``selection`` its chapters, ``typeset`` runs TeX), ``rebuild`` executes exactly the
chapters whose inputs changed, ``notebooks`` gives every chapter to take away, ``citations`` shows what is cited and
``status`` how the book was built.
"""
