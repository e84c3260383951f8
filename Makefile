# Two commands do all the set-up on a machine that has Python 3.10+ and git: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Bytecode is worth its space: without it every start of the service compiles pandas anew.
unexport PYTHONDONTWRITEBYTECODE

# What the tests build images and open pages for real with; elsewhere these groups say that they are
# left out.
SYSTEM := buildah debootstrap chromium

.PHONY: demo test lint bench bench-service clean system

demo: $(VENV)/demo
	@$(BIN)/nb2service demo $(if $(ONCE),--once)

test: $(VENV)/test system lint
	$(BIN)/python -m pytest -q -rs -n auto --dist loadscope

lint: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if [ -x $(BIN)/biome ]; then echo $(BIN)/biome check; $(BIN)/biome check --error-on-warnings; fi

system:
	@for tool in $(SYSTEM); do command -v $$tool >/dev/null || missing=yes; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SYSTEM); } \
	    >/dev/null || echo "$(SYSTEM) could not be installed"; \
	fi

bench: $(VENV)/test
	$(BIN)/python -m benchmarks.deploy_time

# In parts too: make bench-service OPTIONS="--only ours,litserve --section single"
bench-service: $(VENV)/test
	$(BIN)/python -m benchmarks.service $(OPTIONS)

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Python 3.10 or newer is needed; say which: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/demo: pyproject.toml $(VENV)/bin/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e . --group demo
	@touch $@

$(VENV)/test: pyproject.toml $(VENV)/bin/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e . --group test --group lint
	@touch $@ $(VENV)/demo

clean:
	rm -rf $(VENV)
