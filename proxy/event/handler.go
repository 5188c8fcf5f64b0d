package event

// Handler acts on the events of one descriptor. Its methods are called on the loop's goroutine and must not block.
type Handler interface {
	// Ready is called with what epoll reports (EPOLLIN and so on, see epoll_ctl(2)).
	Ready(events uint32)
	// Fail is called when Ready has panicked.
	Fail()
}

// Joint is a Handler whose Ready may leave something to be done for several events together: see Loop.Behind.
type Joint interface {
	Handler
	Joint()
}

// Poster is told how what it has posted has fared: see Loop.Post.
type Poster interface {
	// Posted is called on the loop's goroutine. It must neither block nor panic.
	Posted(l *Loop, n int, err error)
}
