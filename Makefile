.PHONY: build test check

build:            ## the binary, in the project's root
	go build -o holdfast ./cmd/holdfast

test:             ## what the README says
	go test ./...

check:            ## everything that CI runs
	.ci/run
