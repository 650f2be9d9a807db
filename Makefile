# Tarn's commands. `make test` is what CI runs; the long harnesses are in test-full.
GO ?= go
export CGO_ENABLED ?= 0
BIN := bin/tarn

.PHONY: build test test-full kafka kafka-chaos lint race fuzz bench slt-postgres clean

build:
	$(GO) build -trimpath -ldflags "-s -w" -o $(BIN) .

# The default tier: at most 8 minutes, two of them with a real Kafka. It installs what it needs; TARN_NO_KAFKA=1 leaves Kafka out.
test:
	./tests/setup.sh
	$(GO) build -o $(BIN) .
	$(GO) test -count=1 ./... # tests that run the binary must not come from the cache

# Everything: long oracle runs, 1,000 kills, the SQL files on PostgreSQL too.
test-full: test
	TARN_FULL=1 $(GO) test -timeout 120m ./tests/... ./exec/... ./storage/...
	$(MAKE) slt-postgres

# All that a real Kafka and a schema registry are needed for, and the packages that speak to them.
kafka:
	./tests/setup.sh
	$(GO) build -o $(BIN) .
	TARN_KAFKA=1 $(GO) test -count=1 -timeout 60m ./storage/topic/... ./exec/format/... ./exec/connector/... ./tests/kafka/...
	TARN_KAFKA=1 $(GO) test -count=1 -run Conformance ./exec

# Kafka and Tarn are killed at random for CHAOSTIME, and every record is accounted for in the end.
CHAOSTIME ?= 30m
kafka-chaos:
	./tests/setup.sh
	$(GO) build -o $(BIN) .
	TARN_CHAOS=$(CHAOSTIME) $(GO) test -count=1 -v -timeout 120m -run TestChaos ./tests/kafka

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt-clean:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# The race detector needs cgo; only packages with goroutines are run under it.
race:
	CGO_ENABLED=1 $(GO) test -race -short ./pgwire/... ./storage/... ./exec/... ./server/...

# Every fuzz target of the house, FUZZTIME each.
FUZZTIME ?= 30s
fuzz:
	@for f in $$(git grep -l 'func Fuzz' -- '*_test.go'); do \
	  for t in $$(grep -ho 'func Fuzz[A-Za-z0-9]*' $$f | cut -c6-); do \
	    echo "$$f $$t"; $(GO) test -run XXX -fuzz "^$$t$$" -fuzztime $(FUZZTIME) ./$$(dirname $$f) || exit 1; \
	  done; done

slt-postgres:
	$(GO) run ./tests/slt/postgres

bench:
	$(GO) run ./tests/bench -name "$(NAME)"

clean:
	rm -rf bin
