// Package event carries connections without a goroutine for each: an epoll loop that tells handlers what happens to
// their descriptors, sockets on such a loop, and a wheel of deadlines.
//
// A Loop has one goroutine. It calls a Handler for each event, which does what can be done at once and returns; what
// must wait does so in a goroutine of its own, for which a Socket is an ordinary net.Conn as well.
//
// TLS is TLS over a Socket, to be used in the same two ways.
//
// Package proxy serves its clients this way, and package relay its tunnels; both share the same loops. There is epoll
// on Linux only: elsewhere NewLoop returns errors.ErrUnsupported, and nothing else of a Loop or a Socket is used.
package event
