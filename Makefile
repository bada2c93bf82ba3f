# The ways in. Each target is one script of scripts/, or one line.
# `make run HOST=0.0.0.0 PORT=9000`, `make test ARGS="-k clone"`, `make bench ONLY=disk`

PORT ?= 8000
# Not `?=`: some shells export HOST, and the address must never open up by accident.
HOST = 127.0.0.1
ARGS =
ONLY =

.DEFAULT_GOAL := help
.PHONY: help setup run demo test check check-fast format bench lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing: Debian packages, .venv, front-end files; quick when all is there
	@scripts/setup

run: ## serve the dashboard on HOST:PORT, 127.0.0.1:8000 unless told
	@scripts/run "$(HOST)" "$(PORT)"

demo: ## clone the demo base and provision the examples, in this terminal
	@scripts/demo

test: ## the whole test suite; ARGS goes to pytest
	@scripts/test $(ARGS)

check: ## what a commit must pass: format, lint, types, imports, templates, migrations, tests
	@scripts/check

check-fast: ## the same without slow, guest and browser tests, under a minute
	@scripts/check --fast

format: ## write code and templates in the house's format
	@scripts/format

bench: ## measure this machine; ONLY=name runs one, ARGS=--tiny leaves the Debian guest out
	@.venv/bin/python -m bench $(ONLY) $(ARGS)

lock: ## pin requirements anew after editing pyproject.toml
	@scripts/lock
