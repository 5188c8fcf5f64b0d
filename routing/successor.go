package routing

// Member is a backend as one process leaves it to the next.
type Member struct {
	Backend *Backend // of this process; nil in what another one says
	BackendConfig
	Draining bool // as last told to Drain
	Left     bool // it vanished from the configuration and stays for its sessions' sake
}

// Members returns all backends of the pool, in the order of Snapshot.Backends.
func (p *Pool) Members() []Member {
	s := p.Snapshot()
	list := make([]Member, len(s.members))
	for i, m := range s.members {
		list[i] = Member{m.Backend, m.config, m.draining, !m.left.IsZero()}
	}
	return list
}

// Succeed takes over another process's backends. Those that this pool has as well, with the same ID and URL, are drained if
// they were; their states are for SetState to say. The others join as if they had just vanished from the configuration, so
// that their sessions go on. On an error nothing has changed. Set may bring them back.
func (p *Pool) Succeed(list []Member) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.Snapshot()
	members := append([]member(nil), old.members...)
	for _, c := range list {
		m, err := p.join(old, c.BackendConfig)
		if err != nil {
			return err
		}
		at, known := old.index[m.Backend]
		if !known {
			m.left = p.config.Now()
			members = append(members, m)
			at = len(members) - 1
		}
		members[at].draining = members[at].draining || c.Draining
	}
	p.publish(members, old.removed)
	return nil
}
