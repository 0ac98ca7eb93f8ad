"""The site: what a chapter's cells and words become on a page.

``mimes`` shows figures and tables, ``captions`` gives them their words, ``figures`` writes them as files; ``folding``
closes code, ``minutes`` says how long a chapter takes, ``mathml`` draws formulas. ``assets`` serves scripts and styles
without a network, ``citations`` shows what is cited, ``terms`` what a word of the glossary means. ``metadata`` says
what a page is about, ``colophon`` how to cite it, ``search`` finds its sections, ``entries`` folds the ledger,
``status`` says how the book was built.
"""
