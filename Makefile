.PHONY: build test check bench

build:            ## the binary, in the project's root
	go build -trimpath -ldflags="-s -w" -o holdfast ./cmd/holdfast

test:             ## what the README says
	go test ./...

check:            ## everything that CI runs
	.ci/run

bench:            ## side by side with nginx and HAProxy, docs/benchmarks.md; BENCH='-rounds 3' for other options
	go run ./testdata/bench $(BENCH)
