# `make help` says what there is. On a fresh Debian 12 with a Swift toolchain nothing else has to be done before.
SWIFT ?= swift
PREFIX ?= /usr
DESTDIR ?=
UNITDIR ?= $(PREFIX)/lib/systemd/system

# Static: a box needs no Swift runtime beside it. No colours: with a terminal the compiler's flags would be others than
# without one, and each change between the two a new build.
# Nothing loads symbols from the executable: without its export table it is 0.9 MB smaller.
# Functions that are the same code are one (--icf), and relocations are packed where the C library reads that (glibc 2.36): 1.3 MB.
PACKED_RELOCATIONS := $(shell getconf GNU_LIBC_VERSION | sed 's/glibc //; s/^/2.36\n/' | sort -VC && echo -Xlinker -z -Xlinker pack-relative-relocs)
RELEASE := -c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker --icf=safe $(PACKED_RELOCATIONS) -Xlinker --no-export-dynamic --no-color-diagnostics
TEST_PYTHON := .build-python/bin/python
MALLOC_COUNTER := .build-tests/malloc_counter.so
PROMTOOL := .build-tests/promtool
UPDATE_SHIM := .build-tests/update_shim.so

.PHONY: help demo test test-systemd faults update-faults soak check-allocations measure-footprint fuzz test-sanitized lint format build show-binary bench bench-inference bench-pipeline bench-scale bench-swaps bench-skab install install-files deb clean packages-build packages-demo packages-test packages-deb packages-systemd bench-hostile-http
.DEFAULT_GOAL := help

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: packages-demo build ## Simulated pumps, alerts on the terminal; DEMO_SECONDS=30 ends by itself
	@python3 scripts/demo/demo.py --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent"

test: packages-test build $(TEST_PYTHON) $(MALLOC_COUNTER) $(UPDATE_SHIM) $(PROMTOOL) ## All tests, with real brokers on loopback
	TEST_AGENT_BINARY="$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" EDGE_AGENT_PYTHON="$(CURDIR)/$(TEST_PYTHON)" \
	  TEST_MALLOC_COUNTER="$(CURDIR)/$(MALLOC_COUNTER)" TEST_UPDATE_SHIM="$(CURDIR)/$(UPDATE_SHIM)" \
	  TEST_PROMTOOL="$(CURDIR)/$(PROMTOOL)" $(SWIFT) test --disable-xctest $(TEST_FLAGS)

test-systemd: packages-systemd deb ## The package and its service in a box with a real systemd; SUITE="--only watchdog"
	@scripts/systemd/suite.py --package "$$(ls -t dist/edge-agent_*.deb | head -n 1)" \
	  --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" $(SUITE)

faults: packages-demo build ## Kills, cuts and damages at random instants, nothing may be lost; LONG=1, FAULTS="--seed 7 --only power-cut --count 20"
	@python3 scripts/faults/selftest.py
	@python3 scripts/faults/faults.py --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" $(if $(LONG),--long) $(FAULTS)

update-faults: packages-test build $(TEST_PYTHON) ## The power cut at every fourth step of an update; LONG=1: at every step, and again while it recovers
	@python3 scripts/faults/updates.py --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" $(if $(LONG),--long) $(FAULTS)

SOAK_SECONDS ?= 3600
soak: packages-demo build ## 2 000 readings a second, a fault a minute, for SOAK_SECONDS (3600): nothing lost, memory flat
	@python3 scripts/faults/faults.py --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" --soak --seconds $(SOAK_SECONDS) --rate 2000 --assets 98 $(FAULTS)

test-sanitized: packages-test ## The inference tests with address sanitizer (leaks left out: Foundation has one); TEST_FLAGS for others
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test --sanitize=address --scratch-path .build-asan --disable-xctest $(or $(TEST_FLAGS),--filter InferenceRuntimeTests)

fuzz: packages-build ## Hostile model files under address sanitizer; FUZZ_SECONDS=600 for longer than 30 s each
	@scripts/fuzz

check-allocations: packages-demo build $(MALLOC_COUNTER) ## That a message allocates nothing, on the running release build
	scripts/measure-footprint --check-allocations --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent"

measure-footprint: packages-demo build $(MALLOC_COUNTER) ## Size, start, memory, allocations
	scripts/measure-footprint --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent"

lint: ## Format, forbidden constructs, sizes
	@scripts/lint

format: ## Put all Swift files into the project's format
	git ls-files -z --cached --others --exclude-standard '*.swift' | xargs -0 $(SWIFT) format --in-place --parallel

build: packages-build ## The release build of edge-agent
	$(SWIFT) build $(RELEASE) --product edge-agent

show-binary:
	@echo "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent"

bench: bench-inference bench-pipeline bench-scale bench-swaps bench-skab bench-hostile-http ## All benchmarks; each skips with a reason what cannot run here

bench-inference: packages-build ## Against the best inference libraries
	@if [ -x Benchmarks/inference/run ]; then Benchmarks/inference/run; else echo "bench-inference: skipped, there is none yet"; fi

bench-pipeline: packages-demo build ## End to end against a C relay and Python pipelines; QUICK=1 takes two minutes
	Benchmarks/pipeline/run --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" $(if $(QUICK),--quick)

bench-scale: packages-demo build ## Memory and latency against the number of assets and pipelines
	Benchmarks/pipeline/scale --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" $(if $(QUICK),--quick)

bench-swaps: packages-demo build ## Latency, missed budgets and memory during 50 exchanges of the model
	Benchmarks/pipeline/swaps --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" $(if $(QUICK),--quick)

bench-hostile-http: packages-demo build ## Whether hostile HTTP clients move a pipeline's latency
	Benchmarks/pipeline/hostile-http --agent "$$($(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent" $(if $(QUICK),--quick)

bench-skab: packages-demo build ## Detection on real sensor data
	@Benchmarks/skab/run

install: build install-files ## Install below DESTDIR and PREFIX (/usr)

# What is built already; the manual and the completions come from the command itself. A completion is read, not run: no #! line.
install-files: BUILT = $(shell $(SWIFT) build $(RELEASE) --show-bin-path)/edge-agent
install-files:
	install -D -m 0755 -s "$(BUILT)" "$(DESTDIR)$(PREFIX)/bin/edge-agent"
	install -D -m 0644 -t "$(DESTDIR)$(UNITDIR)" systemd/edge-agent.service systemd/edge-agent@.service
	install -D -m 0644 systemd/edge-agent.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/edge-agent.conf"
	install -D -m 0644 -t "$(DESTDIR)$(PREFIX)/share/doc/edge-agent/examples" systemd/real-time.conf.example systemd/credentials.conf.example config/mosquitto.acl config/demo/description.json \
	  config/prometheus/edge-agent.rules.yaml config/grafana/edge-agent.json
	install -D -m 0644 -t "$(DESTDIR)$(PREFIX)/share/edge-agent/demo-bundle" config/demo/bundle/*
	[ -e "$(DESTDIR)/etc/edge-agent/edge-agent.yaml" ] || install -D -m 0644 config/edge-agent.yaml "$(DESTDIR)/etc/edge-agent/edge-agent.yaml"
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
	  "$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	"$(BUILT)" --generate-completion-script bash | sed 1d > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/edge-agent"
	"$(BUILT)" --generate-completion-script zsh > "$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_edge-agent"
	"$(BUILT)" --generate-completion-script fish > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/edge-agent.fish"
	$(SWIFT) build --product generate-manual
	"$$($(SWIFT) build --show-bin-path)/generate-manual" "$(BUILT)" --date "$$(date --utc --date=@$${SOURCE_DATE_EPOCH:-$$(date +%s)} +%F)" \
	  --output-directory "$(DESTDIR)$(PREFIX)/share/man/man1"
	sed -i 's/^$$/.Pp/' "$(DESTDIR)$(PREFIX)/share/man/man1/edge-agent.1"

deb: packages-build packages-deb build ## A Debian package of it in dist/
	scripts/package-deb

clean: ## Remove all that was built
	rm -rf .build .build-*

packages-build:
	@scripts/install-packages build

packages-demo:
	@scripts/install-packages build demo

packages-test:
	@scripts/install-packages build demo test

packages-deb:
	@scripts/install-packages deb

packages-systemd:
	@scripts/install-packages deb systemd

$(MALLOC_COUNTER): Tests/alloc/malloc_counter.c
	mkdir -p $(@D)
	clang -std=c11 -O2 -fPIC -shared -Wall -Wextra -Werror -o $@ $<

$(PROMTOOL):
	scripts/tests/fetch-promtool $(@D)

$(UPDATE_SHIM): Tests/faults/update_shim.c
	mkdir -p $(@D)
	clang -std=c11 -O2 -fPIC -shared -Wall -Wextra -Werror -o $@ $<

$(TEST_PYTHON): scripts/tests/requirements.txt scripts/models/requirements.txt | packages-test
	rm -rf .build-python
	python3 -m venv .build-python
	.build-python/bin/pip install --quiet --disable-pip-version-check --requirement scripts/tests/requirements.txt
	touch $@
