// Package relay carries bytes between two connections until one of them ends: the tunnel behind a WebSocket upgrade.
// It also watches connections for their peer's leaving.
//
//	r, err := relay.New(relay.Config{Logger: logger})
//	if err != nil {
//		return err
//	}
//	go r.Run(ctx)
//	...
//	err = r.Start(relay.Tunnel{Client: client, Backend: backend, Group: b, Done: release})
//
// # Carriers
//
// Two carriers keep the same promises and pass the same tests. On Linux a tunnel between TCP or Unix connections is
// carried by one epoll loop and costs, while it is idle, a few hundred bytes and nothing else; either side may be an
// event.TLS, which costs what crypto/tls keeps besides. Every other tunnel (a wrapped connection, another system) is
// carried by a pair of goroutines that hold no large buffer while they wait.
//
// # Ends
//
// A FIN from one side is passed on to the other as a FIN, behind all bytes; the opposite direction then has
// Config.HalfCloseTimeout to end as well. Where the relay itself ends a tunnel (its backend failed or is gone, a drain,
// an idle timeout), it closes the backend's side, gives the client a plain FIN behind the bytes already taken for it,
// never a close frame of its own, and waits a few seconds for the client to close. A client that fails has its
// backend's side closed at once.
//
// # Memory
//
// A peer that does not read stops the reading of the other side: at most 128 KiB are then held for it beyond the
// kernel's buffers, and over TLS as much again in records.
//
// # Goroutines
//
// New starts none. Run starts one per loop and one for deadlines; Start starts two for a tunnel that no loop can carry.
// All of them have ended when Run, or Close, returns. Where there is no epoll, an armed Watch has a goroutine too,
// which Disarm and Stop wait for.
package relay
