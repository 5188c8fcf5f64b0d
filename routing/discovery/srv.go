package discovery

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"

	"github.com/holdfast-proxy/holdfast/routing"
)

// askedAtOnce is how many targets of one service are resolved at a time.
const askedAtOnce = 8

// service is a source of SRV records (RFC 2782).
type service struct {
	resolver *net.Resolver
	name     string
	last     map[string]hosts // by target
}

func (s *service) look(ctx context.Context, _ bool) ([]routing.BackendConfig, error) {
	_, records, err := s.resolver.LookupSRV(ctx, "", "", s.name)
	if err != nil {
		return nil, err // some records besides: a list with one that cannot be read is none
	}
	records = slices.DeleteFunc(records, func(r *net.SRV) bool { return r.Target == "." }) // "decidedly not available"
	if len(records) == 0 {
		return nil, orEmpty(nil, s.name, "SRV")
	}
	found, err := s.resolve(ctx, records)
	list := s.backends(records, found)
	if len(list) == 0 {
		return nil, orEmpty(err, records[0].Target, "A or AAAA")
	}
	s.last = found
	return list, err
}

// resolve asks for the addresses of every target. Where that fails the target's last ones stand; the error is that of
// the first target by name.
func (s *service) resolve(ctx context.Context, records []*net.SRV) (map[string]hosts, error) {
	var targets []string
	for _, r := range records {
		targets = append(targets, r.Target)
	}
	slices.Sort(targets)
	targets = slices.Compact(targets)
	found, errs := make([]hosts, len(targets)), make([]error, len(targets))
	room := make(chan struct{}, askedAtOnce)
	var asking sync.WaitGroup
	for i, name := range targets {
		room <- struct{}{}
		asking.Go(func() {
			found[i], errs[i] = s.last[name].refresh(ctx, s.resolver, name)
			<-room
		})
	}
	asking.Wait()
	all := make(map[string]hosts, len(targets))
	for i, name := range targets {
		all[name] = found[i]
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return all, errs[i]
	}
	return all, nil
}

// backends lists every address of every record. Of the priorities the lowest number is served first, all others are
// backups. An address that stands in several records counts in the most preferred one.
func (s *service) backends(records []*net.SRV, found map[string]hosts) []routing.BackendConfig {
	slices.SortFunc(records, func(a, b *net.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Target, b.Target))
	})
	unit := 0
	for _, r := range records {
		unit = commonDivisor(weight(r), unit)
	}
	var list []routing.BackendConfig
	for _, r := range records {
		for _, addr := range found[r.Target].all() {
			b := at(addr, r.Port)
			b.Weight, b.Backup = weight(r)/unit, r.Priority > records[0].Priority
			list = append(list, b)
		}
	}
	return sorted(list)
}

// weight is a record's share. RFC 2782 gives one of 0 next to nothing beside others, and an even share among its like.
func weight(r *net.SRV) int { return max(int(r.Weight), 1) }

// commonDivisor reduces weights to the smallest numbers of the same ratio: CoreDNS gives each of three pods 33, which
// beside a configured backend of weight 1 must still be one share.
func commonDivisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
