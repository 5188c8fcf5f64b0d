package main_test

import "flag"

// long makes the tests of this package run at full length: a thousand sessions
// where one hundred show the same, minutes where seconds do.
//
//	go test ./cmd/holdfast -run 'Restart|Flood' -long -v
var long = flag.Bool("long", false, "run the full form of the tests that have a short one")

// inForm returns the value for the form that is being run.
func inForm[T any](short, full T) T {
	if *long {
		return full
	}
	return short
}
