# Everything a newcomer types. Python 3.11 or newer, make and git are enough.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Most tests wait for sockets and clocks: twice as many at once as there are cores.
JOBS   ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))

.PHONY: help setup demo test quick check fmt run bench words image-test bare-test clean

help:            ## what can be typed here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

$(BIN)/.run: requirements.lock pyproject.toml
	@sh tools/venv.sh $(PYTHON) $(VENV) requirements.lock && touch $@

$(BIN)/.dev: requirements-dev.lock pyproject.toml
	@sh tools/venv.sh $(PYTHON) $(VENV) requirements-dev.lock && touch $@ $(BIN)/.run

setup: $(BIN)/.dev ## everything that development needs

demo: $(BIN)/.run ## the main job, on loopback, with a small Allegro of our own
	@$(BIN)/awizo demo

run: $(BIN)/.run ## serve with config/awizo.toml
	@$(BIN)/awizo serve --config config/awizo.toml

check: $(BIN)/.dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(BIN)/.dev ## format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: check ## all tests
	$(BIN)/pytest -n $(JOBS) --dist worksteal

quick: $(BIN)/.dev ## the fast tests
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow"

bench: $(BIN)/.dev ## speed, as ratios against a reference in the same run
	$(BIN)/python -m bench

words: $(BIN)/.dev ## count the words of the labelled texts anew (config/words.tsv)
	$(BIN)/python tools/count_words.py > words.tsv
	mv words.tsv config/words.tsv

image-test: $(BIN)/.dev ## build the image, start it, send a mail through it
	sh tools/image-test.sh

bare-test: ## the first commands on a bare Debian 12
	sh tools/bare-test.sh

clean: ## forget what was set up
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
