package main

import "testing"

func TestSequenceCountsWhatWentWrong(t *testing.T) {
	for name, test := range map[string]struct {
		arrived                                  []int
		received, duplicated, reordered, garbled int
	}{
		"messages in order are fine":         {arrived: []int{1, 2, 3}, received: 3},
		"a message again is a duplicate":     {arrived: []int{1, 2, 2, 1}, received: 2, duplicated: 2},
		"a late message is out of order":     {arrived: []int{1, 3, 2, 4}, received: 4, reordered: 1},
		"a message missing is just not seen": {arrived: []int{1, 3}, received: 2},
		"other words are garbled":            {arrived: []int{-1, 2}, received: 2, garbled: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := sequence{seen: make(map[int]bool)}
			for _, n := range test.arrived {
				if n < 0 {
					s.add(-n, "something else")
					continue
				}
				s.add(n, text(n))
			}
			got := [4]int{len(s.seen), s.duplicated, s.reordered, s.garbled}
			if want := [4]int{test.received, test.duplicated, test.reordered, test.garbled}; got != want {
				t.Errorf("received, duplicated, reordered, garbled: got %v, want %v", got, want)
			}
		})
	}
}
