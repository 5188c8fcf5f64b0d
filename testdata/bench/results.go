//go:build linux

package main

// results are what all rounds have yielded, by row.
type results map[string]*outcome

// outcome is one row of them.
type outcome struct {
	row
	figures map[string]figures // by contestant's name
}

// add adds what a turn has yielded. The figures of a row are all of one kind.
func (r results) add(of row, contestant string, turn figures) {
	o := r[of.name]
	if o == nil {
		o = &outcome{row: of, figures: map[string]figures{}}
		r[of.name] = o
	}
	if before, ok := o.figures[contestant]; ok {
		turn = before.join(turn)
	}
	o.figures[contestant] = turn
}

// best returns which of the named has the lowest value; ok is false if none was measured.
func (o *outcome) best(names []string) (name string, ok bool) {
	for _, n := range names {
		if f := o.figures[n]; f != nil && (!ok || f.value() < o.figures[name].value()) {
			name, ok = n, true
		}
	}
	return name, ok
}
