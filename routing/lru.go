package routing

// lru is a list of sessions in the order of their last use. The links are in the sessions: nothing is allocated, and a
// session is moved without being looked for. The zero lru is empty.
type lru struct {
	youngest, oldest *session
	len              int
}

// push puts a session that is in no list at the young end.
func (l *lru) push(s *session) {
	s.older, s.younger = l.youngest, nil
	if s.older != nil {
		s.older.younger = s
	} else {
		l.oldest = s
	}
	l.youngest = s
	l.len++
}

// unlink takes a session of this list out.
func (l *lru) unlink(s *session) {
	if s.younger != nil {
		s.younger.older = s.older
	} else {
		l.youngest = s.older
	}
	if s.older != nil {
		s.older.younger = s.younger
	} else {
		l.oldest = s.younger
	}
	s.older, s.younger = nil, nil // a Hold may keep the session for long after its neighbours are gone
	l.len--
}

// renew moves a session of this list to the young end.
func (l *lru) renew(s *session) {
	if l.youngest != s {
		l.unlink(s)
		l.push(s)
	}
}
