# make help lists the targets.
export CGO_ENABLED ?= 0
GO    ?= go
BUILD := -trimpath -ldflags "-s -w"

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

.PHONY: build
build: ## bin/yaci and bin/yaci-step, static
	$(GO) build $(BUILD) -o bin/yaci ./cmd/yaci
	$(GO) build $(BUILD) -o bin/yaci-step ./cmd/yaci-step

.PHONY: check
check: ## gofmt and vet
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run: gofmt -w ."; exit 1; }
	$(GO) vet ./...

.PHONY: unit
unit: ## unit tests
	$(GO) test ./...

.PHONY: test
test: check build unit ## everything that CI runs
