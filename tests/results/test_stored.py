"""What lies in the store is what the tables describe: nothing is left over from an older recipe."""

import json

from tinycircuits.results.profiles import NAME, every_block
from tinycircuits.results.runs import results
from tinycircuits.results.store import key
from tinycircuits.results.tables.fits import FITS
from tinycircuits.results.tables.studies import STUDIES
from tinycircuits.results.tables.sweeps import SWEEPS


def described(name: str, spec: dict) -> bool:
    """Whether the table of today gives this description to the result of that seed."""
    if name in FITS:
        return FITS[name].spec(spec["seed"]).described() == spec
    if name in STUDIES:
        return STUDIES[name].spec(spec["seed"]).described() == spec
    first, lanes = spec["first_seed"], spec["lanes"]
    return SWEEPS[name].spec(range(first, first + lanes)).described() == spec


def test_every_stored_result_is_one_that_the_tables_describe():
    profiles = {key(block.spec.described()) for block in every_block()}
    left_over = [
        str(folder)
        for study in sorted(path for path in results().root.iterdir() if path.is_dir())
        for folder in results().folders(study.name)
        if not (
            folder.name in profiles
            if study.name == NAME
            else described(study.name, json.loads((folder / "spec.json").read_text()))
        )
    ]
    assert left_over == []
