# The commands of this repository. `make help` lists them.
# They need Go, GNU make and a POSIX shell. Only the race detector needs a C compiler.

.DEFAULT_GOAL := all
.PHONY: all build run test bench bench-full pgo chaos fuzz lint fmt-check vet cross staticcheck clean help

# The root module and the nested ones that are tested with it.
MODULES := . $(patsubst %/go.mod,%,$(wildcard interop/go.mod interop/attack/go.mod \
	interop/chaos/go.mod bench/go.mod store/*/go.mod proto/ws/klauspost/go.mod))

# The systems other than Linux. They use reactor/internal/poll/kqueue.go.
BSDS := darwin freebsd netbsd openbsd dragonfly

# The packages with tests that measure the heap. They are built without the race detector.
MEMORY := ./proto/http ./proto/ws ./proto/mqtt/session ./internal/allocs

FUZZTIME ?= 10s

# Three examples have a profile. With it the compiler compiles all that they import once more, for
# each system and for the race detector, which no check needs.
vet cross staticcheck test: export GOFLAGS := $(shell go env GOFLAGS) -pgo=off

# each,COMMAND runs a command in every module. It fails if the command failed in one of them.
each = failed=; for dir in $(MODULES); do (cd $$dir && $(1)) || failed=1; done; test -z "$$failed"

all: build test ## build and test everything (the default)

# Without -o, go build writes the program of a module that has one package, bench.
build: ## compile every package of every module
	@$(call each,go build -o /dev/null ./...)

run: ## run the MQTT-over-WebSocket client; URL=… for another broker, TLS=1, ARGS=flags
	go run ./examples/mqtt-over-ws-client $${URL:+-url "$$URL"} $${TLS:+-tls} $(ARGS)

# The race detector needs cgo, and cgo needs a C compiler. The first line tests whether they work.
# By default each program with the race detector sleeps for a second at its end.
test: ## run all tests, with the race detector if there is a C compiler
	@if CGO_ENABLED=1 go build -race runtime/cgo 2>/dev/null; \
	then race=-race; export CGO_ENABLED=1 GORACE=atexit_sleep_ms=0; \
	else race=; export CGO_ENABLED=0; \
		echo "make test: no working C compiler ($$(go env CC)), so WITHOUT the race detector"; \
	fi; \
	PATH="$$PATH:/usr/sbin" command -v mosquitto >/dev/null || \
		echo "make test: mosquitto is not installed, so the tests against it are SKIPPED"; \
	echo '#include <mosquitto.h>' | gcc -E - >/dev/null 2>&1 || \
		echo "make test: gcc or libmosquitto-dev is not installed, so the test of its client in bench is SKIPPED"; \
	command -v node >/dev/null && test -d interop/node/node_modules || \
		echo "make test: Node or its packages (npm ci in interop/node) are not installed, so the tests against it are SKIPPED"; \
	command -v chromium >/dev/null || \
		echo "make test: chromium is not installed, so the tests with a browser are SKIPPED"; \
	for tool in curl nginx haproxy tinyproxy microsocks; do \
		PATH="$$PATH:/usr/sbin" command -v $$tool >/dev/null || \
			echo "make test: $$tool is not installed, so the tests against it are SKIPPED"; \
	done; \
	if test -n "$$race"; then echo ".: go test -run '^TestMemory' $(MEMORY)" && \
		go test -run '^TestMemory' $(MEMORY) || exit 1; fi; \
	$(call each,echo "$$dir: go test $$race ./..." && go test $$race -parallel 8 -timeout 10m ./...)

bench: ## compare servers and clients with other libraries, in three minutes; ARGS=groups or flags
	go run -C bench . $(ARGS)

# It takes about 40 minutes, and needs two cores that nothing else uses.
bench-full: ## compare everything, and write the figures into docs/performance.md
	go run -C bench . -full -write ..

# It takes two minutes, and needs two cores that nothing else uses. Without -trimpath the profile
# would have the paths of this machine.
pgo: ## run rikki's servers under load, and write examples/websocket-server/default.pgo, a profile for go build -pgo
	go run -C bench -trimpath . -profile ../examples/websocket-server/default.pgo

# The long form of tests that make test runs in a short form. KILLS is how often a process with a
# durable store is killed.
KILLS ?= 50
chaos: ## run MQTT sessions through a network that fails, and kill processes; ARGS=flags
	go run -C interop/chaos . $(ARGS)
	cd store/bolt && RIKKI_KILLS=$(KILLS) go test -count=1 -v -run '^TestTorture' -timeout 30m .

# go test -list prints the targets of a package and then the package. If the fuzz time ends while an
# input is tested, go test sometimes reports a failure. This failure is ignored.
fuzz: ## run every fuzz target, each for FUZZTIME (10s)
	@list=$$(go test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	targets=$$(echo "$$list" | awk '/^Fuzz/ { name[n++] = $$1 } \
		$$1 == "ok" { for (i = 0; i < n; i++) print $$2 ":" name[i]; n = 0 }'); \
	test -n "$$targets" || { echo "make fuzz: no fuzz target found" >&2; exit 1; }; \
	for t in $$targets; do \
		echo "fuzz $${t#*:} ($(FUZZTIME))"; \
		out=$$(go test -run '^$$' -fuzz "^$${t#*:}\$$" -fuzztime $(FUZZTIME) "$${t%:*}" 2>&1); status=$$?; \
		echo "$$out"; \
		if test $$status != 0; then case $$out in \
			*"Failing input"*) exit 1;; \
			*"context deadline exceeded"*) echo "(the time was up)";; \
			*) exit 1;; \
		esac; fi; \
	done

lint: fmt-check vet cross staticcheck ## run gofmt, go vet, builds for macOS and the BSDs, staticcheck

fmt-check:
	@files=$$(gofmt -l .) || exit 1; \
	test -z "$$files" || { echo "gofmt would change:"; echo "$$files"; exit 1; } >&2

vet:
	@$(call each,echo "$$dir: go vet ./..." && go vet ./...)

# cgo is off, so no C compiler for these systems is needed. All of them run on amd64.
cross:
	@for os in $(BSDS); do \
		echo "$$os: go build, go vet"; \
		export GOOS=$$os GOARCH=amd64 CGO_ENABLED=0; \
		go build ./... && go vet ./reactor/... ./proto/... || exit 1; \
	done
	@echo "linux, 32 bits: go vet ./..."; GOARCH=386 CGO_ENABLED=0 go vet ./...

staticcheck:
	@cd tools && GOBIN='$(CURDIR)/bin' go install tool
	@$(call each,echo "$$dir: staticcheck ./..." && '$(CURDIR)/bin/staticcheck' ./...)
	@for os in freebsd darwin; do \
		echo "$$os: staticcheck ./reactor/..."; \
		GOOS=$$os GOARCH=amd64 CGO_ENABLED=0 ./bin/staticcheck ./reactor/... || exit 1; \
	done

clean: ## remove the files that this Makefile and the examples' Makefiles have built
	rm -rf bin
	rm -rf interop/node/node_modules
	@for dir in examples/*/; do rm -f "$$dir$$(basename "$$dir")"; done

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
