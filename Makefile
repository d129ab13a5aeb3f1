# Everything a developer runs.  `make demo` and `make test` need only make, Python 3.11 or newer,
# and PyPI: they make .venv themselves.

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python

# The first interpreter that runs and is new enough; a pyenv shim may exist and still refuse.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 \
		$(HOME)/.pyenv/versions/3.1[1-9]*/bin/python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& { echo "$$python"; break; }; done)

.PHONY: help demo test check fix fixtures fixtures-check objects objects-check bench compare refused alltypes layouts uapi uapi-check clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo            see it work: generate, type-check, load, print what opens files'
	@echo 'make test            every test; as root also those on the running kernel'
	@echo 'make check           format, lint, types, generated files up to date, then the tests'
	@echo 'make fix             format and sort imports'
	@echo 'make fixtures        write the generated modules again'
	@echo 'make objects         compile the BPF sources that changed (clang-14, -16, -19, -22)'
	@echo 'make uapi            write bpf2py/uapi/ again'
	@echo 'make bench           measure'
	@echo 'make compare         what libbpf and we tell the kernel about objects of Debian packages (minutes)'
	@echo 'make refused         write anew what is said of refused objects, ours beside bpftool'"'"'s'
	@echo 'make alltypes        every type of the running kernel through the generator (minutes)'
	@echo 'make layouts         random C types, C against the generator, both byte orders (minutes)'

# ---- the environment --------------------------------------------------------------------------

$(PY):
	@test -n '$(PYTHON)' || { echo 'no Python 3.11 or newer found; set PYTHON=/path/to/python3' >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { \
		version=$$('$(PYTHON)' -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "$(PYTHON) cannot make virtual environments: it has no ensurepip." >&2; \
		echo "Debian, Ubuntu: sudo apt-get install -y python$$version-venv" >&2; exit 1; }
	'$(PYTHON)' -m venv $(VENV)

# Two sets of packages: `build` is what users of the command install, `dev` adds the tests' tools.
$(VENV)/.build: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[build]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.build

# ---- to see and to test -------------------------------------------------------------------------

demo: $(VENV)/.build
	@$(PY) examples/demo.py

test: $(VENV)/.dev
	$(PY) -m pytest

check: $(VENV)/.dev
	$(BIN)/black --check --quiet bpf2py tests generated_fixtures examples
	$(BIN)/ruff check bpf2py tests generated_fixtures examples
	$(BIN)/mypy bpf2py tests generated_fixtures examples/*.py
	@for example in $(dir $(wildcard examples/*/main.py)); do $(BIN)/mypy $$example || exit 1; done
	$(BIN)/pyright
	$(MAKE) --no-print-directory objects-check fixtures-check uapi-check
	$(PY) -m pytest

fix: $(VENV)/.dev
	$(BIN)/black --quiet bpf2py tests generated_fixtures examples
	$(BIN)/ruff check --fix bpf2py tests generated_fixtures examples

bench: $(VENV)/.dev
	$(PY) -m tests.bench

compare: $(VENV)/.dev
	$(PY) -m tests.oracle.collect .compare
	$(PY) -m tests.oracle --table .compare/comparison.md .compare/objects

refused: $(VENV)/.dev
	$(PY) -m tests.refused

alltypes: $(VENV)/.dev
	$(PY) -m tests.codegen.kernel_types

layouts: $(VENV)/.dev
	$(PY) -m tests.layouts

# ---- generated files: each is owned by a command, and has a form that only checks ----------------

fixtures: $(VENV)/.dev
	$(PY) generated_fixtures/generate.py

fixtures-check: $(VENV)/.dev
	$(PY) generated_fixtures/generate.py --check

objects: $(VENV)/.dev
	$(PY) generated_fixtures/build.py

objects-check: $(VENV)/.dev
	$(PY) generated_fixtures/build.py --check

uapi: $(VENV)/.dev
	$(PY) -m bpf2py.codegen.uapi

uapi-check: $(VENV)/.dev
	$(PY) -m bpf2py.codegen.uapi --check

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
