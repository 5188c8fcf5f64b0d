package discovery

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/holdfast-proxy/holdfast/routing"
)

// replace makes list what f's source lists. The caller holds d.mu.
func (d *Discovery) replace(f *follower, list []routing.BackendConfig) {
	d.config.Logger.Info("discovered backends changed", "source", f.source.text,
		"joined", missing(list, f.list), "left", missing(f.list, list), "backends", len(list))
	f.list = list
}

// set makes what all sources list the membership. The caller holds d.mu.
func (d *Discovery) set() {
	if err := d.config.Set(d.members()); err != nil {
		d.config.Logger.Error("discovered backends refused, the membership stays as it is", "err", err)
	}
}

// members are all backends, each once, in order of precedence.
func (d *Discovery) members() []routing.BackendConfig {
	all := slices.Clone(d.config.Static)
	owner, known := map[string]string{}, map[string]bool{} // ID to URL, URLs
	for _, b := range all {
		owner[b.ID], known[b.URL] = b.URL, true
	}
	for _, f := range d.followers {
		for _, b := range f.list {
			if known[b.URL] {
				continue
			}
			if url, taken := owner[b.ID]; taken {
				d.config.Logger.Warn("discovered backend left out, its ID is another's",
					"backend", b.ID, "url", b.URL, "taken-by", url, "source", f.source.text)
				continue
			}
			owner[b.ID], known[b.URL] = b.URL, true
			all = append(all, b)
		}
	}
	return all
}

// missing names the backends of list that other has not, by ID and URL.
func missing(list, other []routing.BackendConfig) string {
	var ids []string
	for _, b := range list {
		if !slices.ContainsFunc(other, func(o routing.BackendConfig) bool { return o.ID == b.ID && o.URL == b.URL }) {
			ids = append(ids, b.ID)
		}
	}
	return strings.Join(ids, " ")
}

// report counts a source's failures and logs how it does, where that has changed. The caller holds d.mu.
func (d *Discovery) report(f *follower, err error) {
	if err != nil {
		f.failures++
	}
	trouble := gist(err)
	if trouble == f.trouble {
		return
	}
	f.trouble = trouble
	if err == nil {
		d.config.Logger.Info("discovery works again", "source", f.source.text)
		return
	}
	d.config.Logger.Warn("discovery failed, the last answer stands",
		"source", f.source.text, "backends", len(f.list), "err", err)
}

// gist is what makes an error another one than the last. The text of one from DNS does not: it has a port that differs
// with every question.
func gist(err error) string {
	var dns *net.DNSError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &dns):
		return fmt.Sprintf("DNS %s: not found %t, timeout %t", dns.Name, dns.IsNotFound, dns.IsTimeout)
	}
	return err.Error()
}
