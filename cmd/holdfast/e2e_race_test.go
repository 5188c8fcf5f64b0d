//go:build race

package main_test

// raceEnabled is whether the tests, and so the binary too, look for data races.
const raceEnabled = true
