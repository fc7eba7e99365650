# make help lists the targets.
export CGO_ENABLED ?= 0
GO    ?= go
BUILD := -trimpath -ldflags "-s -w"

CACHE        := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/yaci
LINT_VERSION := v2.15.0
LINT         := $(CACHE)/golangci-lint-$(LINT_VERSION)/golangci-lint
KWOK_VERSION := v0.8.0
KWOK         := $(CACHE)/kwok-$(KWOK_VERSION)/kwok

# Of the main module; what the other ones have is left out when it is less than all.
PKGS ?= ./...

# The race detector needs cgo, and that a C compiler. SQLite, which is C turned
# into Go, is left out of it: with it the tests on a database take ten times as long.
# (Not more than that C: generic code of others, compiled there, would hide what orders memory.)
RACE := $(if $(shell command -v gcc),CGO_ENABLED=1 $(GO) test -race '-gcflags=modernc.org/sqlite/lib=-race=false',$(GO) test)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

.PHONY: build
build: ## bin/yaci and bin/yaci-step, static
	$(GO) build $(BUILD) -o bin/yaci ./cmd/yaci
	$(GO) build $(BUILD) -o bin/yaci-step ./cmd/yaci-step

.PHONY: check
check: $(LINT) ## gofmt, vet, golangci-lint
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run: gofmt -w ."; exit 1; }
	$(GO) vet $(PKGS)
	$(LINT) run --allow-parallel-runners $(PKGS)

$(LINT):
	@echo "golangci-lint $(LINT_VERSION) is built once, which takes a minute or two" >&2
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

$(KWOK):
	@echo "kwok $(KWOK_VERSION) is built once, which takes some minutes" >&2
	GOBIN=$(@D) $(GO) install sigs.k8s.io/kwok/cmd/kwok@$(KWOK_VERSION)

.PHONY: local
local: ## bin/local, which boots the local cluster
	cd deploy/local && $(GO) build -o ../../bin/local .

.PHONY: cluster
cluster: local ## boot a real Kubernetes on this machine and print its kubeconfig
	@bin/local up

.PHONY: cluster-down
cluster-down: local ## end it and leave nothing behind
	@bin/local down

.PHONY: image
image: build cluster ## YACI's image and the shell image, loaded into the local cluster
	@bin/local image

# Debian's server package starts a server of its own unless it is told not to.
.PHONY: postgres
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then export DEBIAN_FRONTEND=noninteractive; \
	echo "installing postgresql" >&2; apt-get update >/dev/null && apt-get install -y --no-install-recommends postgresql-common >/dev/null && \
	sed -i 's/^#* *create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf && \
	apt-get install -y --no-install-recommends postgresql >/dev/null; \
	else echo "Tests on Postgres are skipped: install its server, as Debian's package postgresql does." >&2; fi; }

AXE_VERSION := 4.14.1
AXE := $(CACHE)/axe-core-$(AXE_VERSION)/axe.min.js

.PHONY: browser
browser: ## Chromium and axe-core, for the tests of the pages
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then export DEBIAN_FRONTEND=noninteractive; \
	echo "installing chromium" >&2; apt-get update >/dev/null && apt-get install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else echo "Tests in a browser are skipped: install Chromium, as Debian's package chromium does." >&2; fi; }
	@[ -f $(AXE) ] || command -v npm >/dev/null || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then export DEBIAN_FRONTEND=noninteractive; \
	echo "installing npm" >&2; apt-get update >/dev/null && apt-get install -y --no-install-recommends npm >/dev/null; fi; }
	@[ -f $(AXE) ] || ! command -v npm >/dev/null || { mkdir -p $(dir $(AXE)) && cd $(dir $(AXE)) && \
	npm pack --silent axe-core@$(AXE_VERSION) >/dev/null && tar -xzf axe-core-$(AXE_VERSION).tgz --strip-components 1 package/axe.min.js; rm -f $(dir $(AXE))*.tgz; }

# The end-to-end tests take longest and begin first, beside all others. internal/chaos waits for them, since both need
# the cluster for themselves (internal/e2e/lock.go); it would take the place of other packages while it waits.
.PHONY: unit
unit: ## unit tests; end-to-end tests are skipped without a cluster
ifneq ($(PKGS),./...)
	$(RACE) -timeout 20m -parallel 4 $(PKGS)
else
	$(RACE) -timeout 20m -parallel 4 ./internal/e2e $$($(GO) list ./... | grep -v -e /internal/e2e$$ -e /internal/chaos$$)
	$(RACE) -timeout 20m ./internal/chaos
	cd deploy/local && $(GO) vet . ./pause && $(GO) test . ./pause
	cd deploy/check && $(GO) vet . && $(GO) test .
endif

# The cluster stays up for the next call; CI takes it down.
.PHONY: test
test: check image postgres browser ## everything that CI runs: checks, unit tests, end-to-end tests on a real cluster
	@trap '[ -z "$$CI" ] || bin/local down' EXIT; eval "$$(bin/local env)"; $(MAKE) --no-print-directory unit

# A pod boots for each start of a server, so it takes longer than make test's own end-to-end tests.
.PHONY: test-installed
test-installed: image postgres ## the end-to-end tests again, with each server as deploy/base's pod of the built image
	@eval "$$(bin/local env)"; YACI_TEST_IN_CLUSTER=1 $(GO) test ./internal/e2e -count 1 -parallel 4 -timeout 30m

.PHONY: self
self: image ## .yaci.yml, which builds and tests YACI, run on the local cluster; PKGS narrows it
	@eval "$$(bin/local env)"; $(GO) test ./internal/e2e -run TestSelf -self "$(PKGS)" -count 1 -timeout 60m -v | grep -v "^=== RUN"

.PHONY: bench-steps
bench-steps: image ## how fast steps run, against init containers and bare containers, on the local cluster
	@eval "$$(bin/local env)"; $(GO) test ./internal/bench -run TestBenchSteps -bench-steps 5 -timeout 30m -v

.PHONY: bench-ingest
bench-ingest: build ## how many deliveries a second are stored before they are answered, on SQLite
	@$(GO) test ./internal/bench -run TestBenchIngest -bench-ingest 20s -count 1 -v | grep -v "^=== RUN"

.PHONY: bench-latency
bench-latency: image ## how soon a push becomes a Job and its end a status, and what calls a run costs
	@eval "$$(bin/local env)"; $(GO) test ./internal/bench -run TestBenchLatency -bench-latency 30 -count 1 -timeout 10m -v | grep -v "^=== RUN"

.PHONY: shots
shots: browser ## pictures of the main pages, in bin/shots
	@YACI_SHOTS=$(CURDIR)/bin/shots $(GO) test ./internal/web -run TestBrowser/shots -count 1

.PHONY: bench-pages
bench-pages: postgres ## how long pages take with 100,000 runs in the database, on SQLite and Postgres; runs list and run page have 50 ms
	@$(GO) test ./internal/web -run TestBenchPages -bench-pages 100000 -count 1 -v | grep -v "^=== RUN"

.PHONY: bench-scale
bench-scale: image ## 200 runs at once against as many plain Jobs, on the local cluster
	@eval "$$(bin/local env)"; $(GO) test ./internal/bench -run TestBenchScale -bench-scale 200 -count 1 -timeout 60m -v | grep -v "^=== RUN"

.PHONY: bench-nodes
bench-nodes: image $(KWOK) ## what the server takes for 5,000 jobs through 500 slots, on the nodes of kwok
	@eval "$$(bin/local env)"; YACI_KWOK=$(KWOK) $(GO) test ./internal/bench -run TestBenchNodes -bench-nodes 5000 -count 1 -timeout 60m -v | grep -v "^=== RUN"

SEED ?= 1

.PHONY: chaos chaos-long
chaos: CHAOS := -chaos-deliveries 300 -chaos-kills 20
chaos: ## kills at every failpoint, lost webhooks, a GitHub and a cluster that fail; SEED=n picks which
chaos-long: CHAOS := -chaos-deliveries 10000 -chaos-kills 500
chaos-long: ## the same with 10,000 deliveries and 500 kills
chaos chaos-long: image
	@eval "$$(bin/local env)"; $(GO) test ./internal/chaos -run 'TestChaos$$' -chaos-seed $(SEED) $(CHAOS) -count 1 -v -timeout 2h

HA_RUNS   ?= 200
HA_ROUNDS ?= 24

.PHONY: chaos-ha
chaos-ha: image postgres ## two servers whose database, cluster and processes fail; SEED=n picks how, HA_RUNS and HA_ROUNDS how much
	@eval "$$(bin/local env)"; $(GO) test ./internal/chaos -run 'TestChaosHA$$' -chaos-ha-seed $(SEED) -chaos-ha-runs $(HA_RUNS) -chaos-ha-rounds $(HA_ROUNDS) \
	-chaos-ha-takeover 15s -count 1 -v -timeout 20m

.PHONY: two-repositories
two-repositories: image ## one repository is slow, huge, hostile or full in every way, and how soon another one's builds start
	@eval "$$(bin/local env)"; $(GO) test ./internal/e2e -run 'TestS8S9' -two-repositories -parallel 1 -count 1 -v -timeout 10m | grep -v "^=== "

SEQUENCES ?= 100000

.PHONY: properties
properties: ## the property tests, each with SEQUENCES generated sequences instead of the few of make test
	TMPDIR=/dev/shm YACI_PULL_STORIES=$(SEQUENCES) $(GO) test ./internal/flow -run TestPullRequestProperty -count 1 -v -timeout 6h
	$(GO) test ./internal/watch -run TestS4HostileRecords -hostile-records $(SEQUENCES) -count 1 -v -timeout 1h
	YACI_SEQUENCES=$(SEQUENCES) $(GO) test ./cmd/yaci-step -run 'TestS11$$' -count 1 -v -timeout 1h
	$(GO) test ./internal/server -run TestS2S7S12Sequences -repo-sequences $(SEQUENCES) -count 1 -v -timeout 6h

.PHONY: soak
soak: build local ## a million lines, 50 kills of the server and 20 rotations of the log; a log of 1 GiB; 1,000 fast steps; on a cluster of its own
	@export YACI_LOCAL_NAME=soak YACI_LOCAL_LOG_SIZE=1Mi YACI_LOCAL_PORT_BASE=30700 YACI_LOCAL_SUBNET=10.127.7; \
	trap 'bin/local down' EXIT; trap exit INT TERM; bin/local up >/dev/null && bin/local image && eval "$$(bin/local env)" && \
	YACI_SOAK=1 $(GO) test ./internal/e2e -run 'TestLogSurvivesKills|TestLargeLog|TestFastSteps' -count 1 -v -timeout 40m | grep -v level=

.PHONY: demo
demo: image ## a push to a stand-in GitHub, run on the local cluster, shown on the terminal
	@trap '[ -n "$$WAIT" ] || bin/local down' EXIT; trap exit INT TERM; eval "$$(bin/local env)"; $(GO) run ./internal/citest/demo
