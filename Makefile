# Everything a reader or a contributor runs. `make` alone lists it.

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SITE := book/_build/html
TESTS ?= tests
MARKS ?= not slow
BUILD_ARGS ?= -W -n --keep-going

# What a reader has set for his own Python is not for this one.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONOPTIMIZE PYTHONINSPECT

.DEFAULT_GOAL := help
.PHONY: again help book test check lint pdf solutions serve bench mutants remeasure pins lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  PYTHON=python3.12 chooses the interpreter, PIP_ARGS='--extra-index-url ...' is passed on to pip."

# A copied or moved environment would run the package of another folder, in silence.
WRONG := $(shell sh .ci/environment)
$(STAMP): requirements.lock pyproject.toml $(if $(WRONG),again)
	@sh .ci/environment $(PYTHON)
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-deps --editable .
	@touch $@
	@why=$$(sh .ci/environment); test -z "$$why" || { rm $@; echo ".venv: $$why; is PYTHONPATH set?" >&2; exit 1; }

book: $(STAMP) ## build the book from the committed results
	@TINYCIRCUITS_FROZEN=1 $(BIN)/python -m tinycircuits.sphinxext.command build book $(BUILD_ARGS)
	@echo "open $(CURDIR)/$(SITE)/index.html"

lint: $(STAMP) ## style, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	tools/script/check

# A process that ends is not replaced: a new one would wait for ever for what the old one had begun.
test: lint ## lint, then the test suite
	$(BIN)/pytest -n 2 --dist loadgroup --max-worker-restart 0 -m "$(MARKS)" $(TESTS)

check: ## what CI runs: tests, book, and the tests of the built book
	bash .ci/run

serve: $(STAMP) ## show the built book at http://localhost:8000
	@test -d $(SITE) || { echo "there is no book yet: make book"; exit 1; }
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory $(SITE)

# What a reader types reaches the builder through the environment, as typed: neither make nor a shell reads it.
FIELDS := STUDENT COURSE TUTOR PARTS CHAPTERS CODE EXERCISES
unexport $(FIELDS)
$(foreach field,$(FIELDS),$(eval pdf: export BOOK_$(field) := $$(value $(field))))
pdf: $(STAMP) ## typeset the book (needs TeX); for a hand-in STUDENT= COURSE= TUTOR=, for a part of it PARTS= CHAPTERS=; CODE=1 with all code; EXERCISES=done.json with your answers
	@TINYCIRCUITS_FROZEN=1 $(BIN)/python -m tinycircuits.sphinxext.press.typeset book $(BUILD_ARGS)

solutions: $(STAMP) ## write the solutions of the exercises, for instructors; never part of the site or the PDF
	@$(BIN)/python tools/solutions.py book/_build/solutions.html

bench: $(STAMP) ## measure training and analyses, as ratios, and the live model in the browser
	$(BIN)/python benchmarks/run.py
	$(BIN)/python -m benchmarks.live

mutants: $(STAMP) ## plant known mistakes in a copy of the source and count those noticed; ONLY=lanes JOBS=2
	$(BIN)/python tools/mutants.py --jobs $(or $(JOBS),1) $(ONLY)

remeasure: $(STAMP) ## evaluate every stored result anew, profiles whole, and compare (hours)
	$(BIN)/tinycircuits verify --whole

pins: $(STAMP) ## measure the pinned numbers anew and show what changed
	-$(BIN)/pytest -n 2 --regen-all -q $(TESTS)
	git diff --stat -- tests && git diff -- tests

lock: $(STAMP) ## choose the versions in requirements.lock anew
	$(BIN)/python tools/lock.py

clean: ## remove what was built, keep the environment
	rm -rf book/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
