# `make` alone prints what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

top     := $(CURDIR)
lint    := go tool -modfile=$(top)/tools/lint/go.mod golangci-lint
nested  := $(patsubst %/go.mod,%,$(wildcard examples/*/go.mod bench/go.mod))

FUZZTIME ?= 30s

# Where the tests keep what people look at afterwards: pictures of the example's pages.
export TENON_ARTIFACTS ?= $(top)/.cache/artifacts

.PHONY: help
help: ## print this
	@echo "make run and make test work on a machine with Go alone; they install what is missing."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps deps-postgres deps-pgbouncer
deps: ## install what tests need and this machine lacks: Postgres, PgBouncer, Redis, stripe-mock, curl, Chromium, Node with TypeScript
	@scripts/deps typescript chromium curl redis pgbouncer postgres stripe-mock

deps-postgres: ## only Postgres
	@scripts/deps postgres

deps-pgbouncer: ## only PgBouncer
	@scripts/deps pgbouncer

.PHONY: run run-check
run: $(if $(DATABASE_URL),,deps-postgres) ## start the example on a Postgres of its own (or DATABASE_URL) and print its address
	@mkdir -p .cache/bin && go build -o .cache/bin/transbot ./examples/transbot
	@exec .cache/bin/transbot -demo

run-check: deps-postgres ## start the example, ask it whether it is well, stop it
	scripts/run-check

.PHONY: test soak soak-tests
test: deps ## run every test
	go vet ./...
	go test -timeout 30m ./...
	@for m in $(nested); do echo "in $$m:" && (cd $$m && go vet ./... && go test ./...) || exit 1; done

SOAK ?= 10m

soak: deps ## four transbots under load, for SOAK (10m), while they, Postgres and Redis are killed and paused
	go run ./examples/load -instances 4 -faults -for $(SOAK) -patience 5s -agree 5m

soak-tests: deps ## run every test with the full counts of the kill loops; takes long
	TENON_SOAK=1 go test -timeout 3h -count=1 ./...

.PHONY: fuzz bench vuln
fuzz: deps ## run every fuzz target for FUZZTIME (30s)
	scripts/fuzz $(FUZZTIME)

bench: deps ## run the comparisons and write bench/RESULTS.md
	cd bench && go run .

vuln: ## look for known vulnerabilities
	scripts/vuln

.PHONY: fmt format-check lint
fmt: ## format the code
	@for m in . $(nested); do (cd $$m && $(lint) fmt ./...) || exit 1; done

format-check:
	@for m in . $(nested); do (cd $$m && $(lint) fmt --diff ./...) || { echo "not formatted: run make fmt"; exit 1; }; done

lint: ## run the linters
	@for m in . $(nested); do (cd $$m && $(lint) run ./...) || exit 1; done

.PHONY: ci style race nested
# Nobody takes a debugger to what CI builds.
ci: export GOFLAGS = $(strip $(shell go env GOFLAGS) -gcflags=all=-dwarf=false)
ci: ## what must pass before a change lands
	$(MAKE) -j2 style deps
	$(MAKE) race nested
	$(MAKE) fuzz FUZZTIME=10000x

# What is linted as it is built for the race detector need not be compiled again for the tests.
style: format-check
	@linter=$$(go tool -modfile=$(top)/tools/lint/go.mod -n golangci-lint) && export GOFLAGS="$$(go env GOFLAGS) -race" && \
	for m in . $(nested); do (cd $$m && $$linter run ./...) || exit 1; done

# The linters have vetted everything already. The race detector makes collecting garbage dear, and has each program sleep for
# a second before it ends.
raced := GOGC=400 GORACE=atexit_sleep_ms=50 go test -race -vet=off -count=1 -timeout 30m -json

race: deps
	$(raced) ./... | go run ./scripts/testreport

nested: deps
	@for m in $(nested); do \
		echo "in $$m:" && (cd $$m && $(raced) ./...) | go run ./scripts/testreport || exit 1; \
	done
