package admin

import (
	"strconv"
	"strings"
)

// page is a text of metrics in Prometheus's format 0.0.4: families, each with its samples right behind it.
type page struct {
	text []byte
	name string // of the family that samples go to
}

func (p *page) gauge(name, help string)   { p.family(name, "gauge", help) }
func (p *page) counter(name, help string) { p.family(name, "counter", help) }

// family begins a metric. help has neither line breaks nor backslashes, which would have to be escaped.
func (p *page) family(name, kind, help string) {
	p.name = name
	p.text = append(p.text, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// sample writes one value of the present family. labels are names and values in turn.
func (p *page) sample(value float64, labels ...string) {
	p.text = append(p.text, p.name...)
	before := "{"
	for i := 0; i < len(labels); i += 2 {
		p.text = append(p.text, before+labels[i]+`="`+escapeLabel.Replace(labels[i+1])+`"`...)
		before = ","
	}
	if len(labels) > 0 {
		p.text = append(p.text, '}')
	}
	p.text = append(p.text, ' ')
	p.text = strconv.AppendFloat(p.text, value, 'f', -1, 64)
	p.text = append(p.text, '\n')
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
