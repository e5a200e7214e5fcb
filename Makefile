# make up      install what is missing, build, run examples/storefront
# make test    install what tests need, run them all
# make check   formatting, vet, staticcheck, laws of the house
# make bench   side by side with nginx, HAProxy, Varnish and Traffic Server (BENCHFLAGS=-quick, -save)
# make microbench  Go benchmarks; make fuzz: every fuzzer for FUZZTIME; make corpus: public templates
# make cachetests SUITE=DIR  the public suite http-tests/cache-tests through the edge (CACHETESTSFLAGS='-save FILE')
# make soak    streaming bodies, restarts, floods, load and kill -9 against the binary

export CGO_ENABLED = 0
GO       ?= go
FUZZTIME ?= 20s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
TOOL     := $(GO) tool -modfile=tools/go.mod

.PHONY: up build test race check bench microbench fuzz corpus cachetests soak clean setup

up: build
	./bin/forelane up examples/storefront

build: bin/forelane

.PHONY: bin/forelane
bin/forelane:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/forelane

setup:
	sh tools/setup.sh

test: setup build
	$(GO) vet ./...
	$(GO) test ./...

# The race detector needs cgo and a C compiler; setup installs one. Packages that
# run the binary, which is built without it, have nothing to find.
race: setup
	CGO_ENABLED=1 $(GO) test -race ./internal/... ./test/nodes

check:
	@unformatted=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')) && test -z "$$unformatted" || { echo "$$unformatted"; echo 'run gofumpt -w on these files'; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) test -count=1 -run 'TestFloors|TestFileSizes|TestLinkedModules' -v .

bench: build
	sh bench/setup.sh
	$(GO) build -o bin/bench ./bench
	./bin/bench $(BENCHFLAGS)

microbench:
	$(GO) test -run '^$$' -bench . -benchmem ./internal/...

fuzz:
	@for p in $$($(GO) list ./internal/...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$p || exit 1; \
	  done; done

# CORPUS is a folder with templates/ and sam/ as docs/corpus.md describes.
corpus:
	@test -d "$(CORPUS)" || { echo 'make corpus CORPUS=DIR: the folder with templates/ and sam/'; exit 2; }
	CORPUS=$(abspath $(CORPUS)) $(GO) test -count=1 -v -run 'Corpus|Vectors' ./internal/template/... ./internal/edgefunc/... ./internal/lint ./cmd/forelane

# SUITE is a checkout of github.com/http-tests/cache-tests after npm install; Node 20.
cachetests: build
	@test -d "$(SUITE)/node_modules" || { echo 'make cachetests SUITE=DIR: http-tests/cache-tests, after npm install in it'; exit 2; }
	$(GO) run ./bench/cachetests -suite $(abspath $(SUITE)) $(CACHETESTSFLAGS)

soak: build
	$(GO) test -count=1 -v -tags soak -run Soak -timeout 40m ./cmd/forelane

clean:
	rm -rf bin .forelane
