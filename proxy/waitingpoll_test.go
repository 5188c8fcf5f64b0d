package proxy

import "testing"

func TestAWaitingPollIsEitherAnsweredOrEnded(t *testing.T) {
	var w waitingPoll
	if w.end() || w.waits() || w.look() != 0 {
		t.Error("there is none yet")
	}
	w.begin()
	if !w.waits() || w.look() != 1 || w.end() || w.look() != 2 {
		t.Error("it waits through two looks, and is not ended before")
	}
	if !w.answer() || w.end() || w.waits() {
		t.Error("an answered poll cannot be ended")
	}
	w.begin()
	if w.end() || w.look() != 1 {
		t.Error("the next poll on the connection has its own looks")
	}
	w.look()
	if !w.end() || w.waits() || w.answer() || w.end() {
		t.Error("an ended poll cannot be answered")
	}
}
