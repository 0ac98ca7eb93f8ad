from tinycircuits.claims.ledger import of_articles

HOLDS = ("holds", "holds for some seeds")


def _found(verdict, control):
    return [
        each.claim.id
        for each in of_articles()
        if (each.verdict in HOLDS) == verdict and any(one.verdict in HOLDS for one in each.controls) == control
    ]


def right_first():
    return _found(True, True)[0]


def right_last():
    return _found(True, True)[-1]


def wrong_fallen():
    return _found(False, True)[0]


def wrong_fallen_with_its_controls():
    return _found(False, False)[0]


def wrong_controls_fail():
    return _found(True, False)[0]


def wrong_number():
    return "Z9"


def wrong_chapter():
    return "attention"


def wrong_list():
    return _found(True, True)
