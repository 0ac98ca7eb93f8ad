"""The print edition: ``latex`` writes it, ``edition`` its title page; ``selection`` chooses, ``typeset`` runs TeX."""
