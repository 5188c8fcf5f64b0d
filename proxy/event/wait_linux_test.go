package event

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestALoopHearsOfWhatComesSoonAndOfWhatComesLate has events follow each other so that a loop goes over to keeping its processor,
// and then a silence, so that it goes over to sleeping, several times.
func TestALoopHearsOfWhatComesSoonAndOfWhatComesLate(t *testing.T) {
	for name, g := range map[string]*rig{"keeps its processor": newKeeper(t), "keeps none": newLoop(t)} {
		t.Run(name, func(t *testing.T) {
			s, far, o := g.dial(t)
			g.run(t)
			for range 5 {
				for range 3 * lively {
					if _, err := far.Write([]byte("x")); err != nil {
						t.Fatal(err)
					}
					o.await(t, In)
					if _, err := s.TryRead(make([]byte, 10)); err != nil && err != unix.EAGAIN {
						t.Fatal(err)
					}
				}
				call, made := ticket()
				g.After(2*soon, call)
				awaitCall(t, made)
			}
		})
	}
}
