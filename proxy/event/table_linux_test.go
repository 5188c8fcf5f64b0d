package event

import "testing"

type nobody struct{ name string }

func (*nobody) Ready(uint32) {}
func (*nobody) Fail()        {}

func TestAStaleTokenFindsNobody(t *testing.T) {
	var tab table
	a, b := &nobody{"a"}, &nobody{"b"}
	first := tab.add(a)
	if !tab.remove(first) || tab.remove(first) {
		t.Error("a token is removed once")
	}
	second := tab.add(b)
	if uint32(first) != uint32(second) {
		t.Error("the slot was not used again")
	}
	if tab.find(first) != nil || tab.find(second) != b {
		t.Error("the old token finds the new handler")
	}
	third := tab.add(a)
	if tab.find(third) != a || tab.find(second) != b {
		t.Error("handlers mixed up")
	}
}
