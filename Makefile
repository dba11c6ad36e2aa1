# The everyday commands; each is one line that can be typed as well.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format clean

.venv: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[test]'
	touch .venv

demo: .venv   ## index the sample pictures, search, serve the page
	$(BIN)/veralens demo

test: .venv   ## every test
	$(BIN)/pytest

lint: .venv   ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
