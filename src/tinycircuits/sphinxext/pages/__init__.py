"""The site: ``mimes`` shows figures and tables, ``figures`` writes them as files, ``mathml`` draws formulas.

``assets`` serves scripts and styles without a network, ``citations`` shows what is cited, ``status`` how the book was
built.

``metadata`` says what a page is about, ``colophon`` how to cite it; ``search`` finds its sections, ``entries``
folds the ledger.
"""
