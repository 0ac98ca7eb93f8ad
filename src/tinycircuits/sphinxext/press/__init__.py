"""The print edition: ``latex`` writes it, ``edition`` its title page, ``code`` and ``layout`` what differs from a page;
``selection`` chooses, ``typeset`` runs TeX.
"""
