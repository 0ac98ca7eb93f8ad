"""The site: ``mimes`` shows figures and tables, ``figures`` writes them as files, ``mathml`` draws formulas.

``assets`` serves scripts and styles without a network, ``citations`` shows what is cited, ``terms`` what a word of the
glossary means, ``status`` how the book was built.
"""
