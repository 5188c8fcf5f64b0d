package discovery

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-proxy/holdfast/routing"
)

// address is a source of A and AAAA records.
type address struct {
	resolver *net.Resolver
	name     string
	port     uint16
	last     hosts
}

func (a *address) look(ctx context.Context, _ bool) ([]routing.BackendConfig, error) {
	found, err := a.last.refresh(ctx, a.resolver, a.name)
	var list []routing.BackendConfig
	for _, addr := range found.all() {
		list = append(list, at(addr, a.port))
	}
	if len(list) == 0 {
		return nil, orEmpty(err, a.name, "A or AAAA")
	}
	a.last = found
	return sorted(list), err
}

// orEmpty is err, or where there is none, that DNS has answered with nothing.
func orEmpty(err error, name, records string) error {
	if err != nil {
		return err
	}
	return &net.DNSError{Err: "no " + records + " records", Name: name, IsNotFound: true}
}

// hosts are a name's addresses. Each family is a question of its own, so that an answer to one counts though the other
// has failed: there are name servers that fail on every AAAA, and a failure must not make a name lose half its backends.
type hosts struct{ v4, v6 []netip.Addr }

// refresh asks for both families. Where a question fails, what h has of that family stands; the error is the first.
func (h hosts) refresh(ctx context.Context, r *net.Resolver, name string) (hosts, error) {
	var err4, err6 error
	var asking sync.WaitGroup
	asking.Go(func() { h.v4, err4 = resolve(ctx, r, "ip4", name, h.v4) })
	asking.Go(func() { h.v6, err6 = resolve(ctx, r, "ip6", name, h.v6) })
	asking.Wait()
	if err4 != nil {
		return h, err4
	}
	return h, err6
}

func (h hosts) all() []netip.Addr { return slices.Concat(h.v4, h.v6) }

// resolve asks for a name's addresses of one family. That there are none is an answer; on a failure it returns last.
func resolve(ctx context.Context, r *net.Resolver, family, name string, last []netip.Addr) ([]netip.Addr, error) {
	addrs, err := r.LookupNetIP(ctx, family, name)
	var dns *net.DNSError
	var unsuitable *net.AddrError // the name is in the hosts file, with addresses of the other family only
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, errors.As(err, &unsuitable):
		return nil, nil
	case err != nil:
		return last, err
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap()
	}
	return addrs, nil
}

// at is the backend at an address: it is named after that, on every replica alike.
func at(addr netip.Addr, port uint16) routing.BackendConfig {
	id := netip.AddrPortFrom(addr, port).String()
	return routing.BackendConfig{ID: id, URL: "http://" + id}
}

// sorted orders list by ID, whatever order the answer came in, and leaves each ID in once.
func sorted(list []routing.BackendConfig) []routing.BackendConfig {
	slices.SortStableFunc(list, func(a, b routing.BackendConfig) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(list, func(a, b routing.BackendConfig) bool { return a.ID == b.ID })
}
