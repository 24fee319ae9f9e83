# Two commands for a newcomer: make demo, make test. CI calls the same targets.

PYTHON ?= python3
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet
PROJECTS = astroclip contextual_counting mpp xval
DISTS = ./shared $(addprefix ./packages/,$(PROJECTS))
comma = ,
SOURCES = shared/src $(addsuffix /src,$(addprefix packages/,$(PROJECTS)))

.PHONY: demo test lint types unit shapes bench wheels clean

demo: .venv/installed  ## quick run of every project, then one page of results; goes on if interrupted
	.venv/bin/sciformer demo

test: lint types unit shapes bench  ## everything that CI checks

lint: .venv/developed .venv/pydoclint/bin/pydoclint
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/pydoclint/bin/pydoclint --quiet $(SOURCES)
	for dist in $(DISTS); do (cd $$dist && $(CURDIR)/.venv/bin/deptry src) || exit 1; done
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

types: .venv/developed
	.venv/bin/basedpyright

unit: .venv/developed
	.venv/bin/pytest -q -n 2 --dist worksteal

shapes: .venv/developed  ## the same tests with every shape annotation checked
	.venv/bin/pytest -q -n 2 -m "not process and not compile and not signature" \
		--jaxtyping-packages=sciformer,$(subst $() ,$(comma),$(PROJECTS)),beartype.beartype

bench: .venv/developed  ## quick benchmarks; with BASE=REV: has anything become slower, larger or worse since?
ifdef BASE
	.venv/bin/python tests/benchmarks/compare.py "$(BASE)" --out runs/bench.json
else
	.venv/bin/python tests/benchmarks/attention.py --quick
	.venv/bin/python tests/benchmarks/counting.py --quick
	.venv/bin/python tests/benchmarks/loop.py --quick --batch 32  # steps of some 65 ms
endif

wheels: .venv/developed
	for dist in $(DISTS); do .venv/bin/python -m build --outdir dist $$dist || exit 1; done

clean:
	rm -rf .venv dist runs

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt pip

.venv/installed: .venv/bin/python constraints.txt $(addsuffix /pyproject.toml,$(DISTS))
	$(PIP) install --constraint constraints.txt $(addprefix --editable ,$(DISTS))
	touch $@

.venv/pydoclint/bin/pydoclint: .venv/bin/python constraints.txt  # its fork of docstring_parser breaks jsonargparse's
	$(PYTHON) -m venv .venv/pydoclint
	.venv/pydoclint/bin/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt pydoclint

.venv/developed: .venv/installed pyproject.toml
	$(PIP) install --constraint constraints.txt --group dev
	$(PIP) install --constraint constraints.txt --no-deps the_well einops  # it pins an fsspec of 2024
	touch $@
