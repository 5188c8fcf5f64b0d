package discovery_test

import (
	"maps"
	"testing"
)

func TestServices(t *testing.T) {
	const name = "_http._tcp.web.test."
	hosts := zone{"a.test.": {"A 10.0.0.1"}, "b.test.": {"A 10.0.0.2", "AAAA fd00::2"}}
	with := func(more zone) zone {
		all := maps.Clone(hosts)
		maps.Copy(all, more)
		return all
	}
	service := func(records ...string) zone { return with(zone{name: records}) }
	two := service("SRV 0 50 3001 a.test.", "SRV 0 50 3002 b.test.")
	allOfTwo := []string{"10.0.0.1:3001", "10.0.0.2:3002", "[fd00::2]:3002"}
	for name, steps := range map[string][]step{
		"every address of every target is a backend": {{two, allOfTwo, []string{"joined"}}},
		"weights are shares, in the smallest numbers that keep their ratio": {
			{service("SRV 0 66 3001 a.test.", "SRV 0 33 3002 a.test."), []string{"10.0.0.1:3001,weight=2", "10.0.0.1:3002"}, []string{"joined"}},
			{service("SRV 0 9 3001 a.test.", "SRV 0 0 3002 a.test."), []string{"10.0.0.1:3001,weight=9", "10.0.0.1:3002"}, []string{`joined="" left=""`}},
			{service("SRV 0 0 3001 a.test.", "SRV 0 0 3002 a.test."), []string{"10.0.0.1:3001", "10.0.0.1:3002"}, []string{`joined="" left=""`}},
		},
		"all priorities but the first are backups": {
			{service("SRV 20 1 3001 a.test.", "SRV 10 1 3002 a.test.", "SRV 30 1 3003 a.test."),
				[]string{"10.0.0.1:3001,backup", "10.0.0.1:3002", "10.0.0.1:3003,backup"}, []string{"joined"}},
		},
		"an address counts once, as its most preferred record says": {
			{service("SRV 1 1 3001 a.test.", "SRV 0 6 3001 a.test.", "SRV 0 3 3002 a.test."),
				[]string{"10.0.0.1:3001,weight=6", "10.0.0.1:3002,weight=3"}, []string{"joined"}},
		},
		"a target whose look-up fails keeps its last addresses": {
			{two, allOfTwo, []string{"joined"}},
			{with(zone{name: two[name], "a.test.": {"A SERVFAIL"}}), allOfTwo, []string{failed}},
			{two, allOfTwo, []string{works}},
		},
		"a target without addresses drops out, but never the last": {
			{two, allOfTwo, []string{"joined"}},
			{with(zone{name: two[name], "a.test.": {"TXT x"}}), []string{"10.0.0.2:3002", "[fd00::2]:3002", "10.0.0.1:3001,draining"}, []string{"left"}},
			{zone{name: two[name]}, []string{"10.0.0.2:3002", "[fd00::2]:3002", "10.0.0.1:3001,draining"}, []string{"no A or AAAA records"}},
		},
		"no answer, an empty one or a service that is not available changes nothing": {
			{two, allOfTwo, []string{"joined"}},
			{service("SRV SERVFAIL"), allOfTwo, []string{failed}},
			{service("TXT x"), allOfTwo, []string{"no such host"}},
			{service("SRV 0 0 0 ."), allOfTwo, nil},
			{two, allOfTwo, []string{works}},
		},
		"a record that cannot be understood makes the whole answer useless": {
			{two, allOfTwo, []string{"joined"}},
			{service("SRV 0 1 3001 a.test.", `SRV 0 1 3002 b\032b.test.`), allOfTwo, []string{failed}},
		},
	} {
		t.Run(name, func(t *testing.T) { walk(t, "srv://_http._tcp.web.test.", steps) })
	}
}
