# Python 3.11 or newer, make and a C compiler are all that must be there; the rest is set up by the targets that need it.
#
#   make demo         lint, test, build and trace an example           make golden       write examples/*/out anew
#   make test         all tests                                        make docs         write the generated pages and schemas anew
#   make check        linters, types, generated files up to date       make bench        benchmarks
#   make engines      istioctl, for the tests that run it              make clean        remove what was built; distclean: all of it
#   make conformance  every case on a whole Istio, after building one; needs root on Linux
#   make mutations    whether the conformance suite notices mistakes of the emitter
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
MESHC := $(BIN)/meshc
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt
BUILD_ENGINES := engines/build.py
ISTIO := pilot-discovery pilot-agent etcd kube-apiserver envoy_bootstrap.json
PYTEST := $(BIN)/python -m pytest
JOBS ?= 2

.PHONY: demo test check engines engines-istio golden conformance mutations bench docs clean distclean

# A command that a person could type as well: shown, then run.
define show
@printf '\n\033[1m$$ %s\033[0m\n' '$(strip $(1))'; PATH="$(CURDIR)/$(BIN):$$PATH" $(1)
endef

# The first file of the demo's output that is called so, and what it says.
define worth
@find build/demo/istio -path 'build/demo/istio/$(1)' | LC_ALL=C sort | sed -n '1s|.*|  &\n      $(2)|p'
endef

demo: .venv/.meshc
	$(call show,meshc lint examples/online-boutique)
	$(call show,meshc test examples/online-boutique)
	$(call show,meshc build examples/online-boutique --target istio -o build/demo)
	$(call show,meshc trace examples/online-boutique --via public POST https://shop.example.com/cart/%63heckout)
	$(call show,meshc trace examples/online-boutique --from checkoutservice POST http://cartservice:7070/hipstershop.CartService/EmptyCart)
	@printf '\nthree files worth opening:\n'
	$(call worth,boutique/authorizationpolicy-checkoutservice*.yaml,who may reach the checkout and for what)
	$(call worth,boutique/virtualservice-productcatalogservice*.yaml,how its callers share two versions of the catalogue)
	$(call worth,istio-values.yaml,what the cluster must have set: `meshc check-cluster` compares)

test: .venv/.dev $(if $(filter true,$(CI)),engines)
	$(PYTEST) -n $(JOBS) --dist worksteal -m 'not rig'

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy engines/build.py
	$(MESHC) schema --check
	@if [ -f docs/generate.py ]; then set -x; $(BIN)/python docs/generate.py --check; fi

engines: .venv/.dev
	@$(BIN)/python $(BUILD_ENGINES) istioctl crd-all.gen.yaml

engines-istio: engines
	@$(BIN)/python $(BUILD_ENGINES) $(ISTIO)

# The cases with their table, and what stands beside them; one whole Istio at a time, so without workers.
conformance: export MESHC_CONFORMANCE := 1
conformance: engines-istio
	@status=0; set -x; \
	$(BIN)/python -m tests.conformance.report || status=1; \
	$(PYTEST) tests/conformance -m rig --ignore=tests/conformance/test_cases.py --durations=5 || status=1; \
	exit $$status

mutations: engines-istio
	MESHC_CONFORMANCE=1 $(BIN)/python -m tests.conformance.mutations

golden: .venv/.meshc
	@for example in examples/*/; do \
	  example=$${example%/}; \
	  echo "$$example"; \
	  $(MESHC) build "$$example" -o "$$example/out"; \
	  for overlay in "$$example"/environments/*.yaml; do \
	    [ -e "$$overlay" ] || continue; \
	    env=$$(basename "$$overlay" .yaml); \
	    $(MESHC) build "$$example" --env "$$env" -o "$$example/out-$$env"; \
	  done; \
	done

docs: .venv/.dev
	$(MESHC) schema -o schemas
	@if [ -f docs/generate.py ]; then set -x; $(BIN)/python docs/generate.py; fi
	$(BIN)/python -m tests.conformance.report --page
	$(BIN)/python -m tests.console

bench: .venv/.dev
	@for script in benchmarks/*.py; do \
	  if [ -e "$$script" ]; then echo "$$script"; $(BIN)/python "$$script"; else echo 'no benchmarks yet'; fi; \
	done

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .engines

# An environment is made anew only where there is none that works; otherwise it is brought up to date in place.
.venv/.meshc: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "meshc needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "making .venv"; $(PYTHON) -m venv --clear .venv; }
	@echo "installing meshc into .venv"
	@$(INSTALL) -e .
	@touch $@

.venv/.dev: .venv/.meshc
	@echo "installing what tests need into .venv"
	@$(INSTALL) -e '.[dev,engines]'
	@touch $@
