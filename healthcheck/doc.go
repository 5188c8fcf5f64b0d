// Package healthcheck watches backends and says which of them may be used.
//
// Two sources feed one automaton per backend (verdict.go). Active checks ask
// the backend itself, at a jittered interval and faster while in doubt. Real
// traffic, reported through Observe, can take new sessions away from a backend
// at once, but it can never make it Down: only Fall failed checks in a row can.
// That is what keeps one client from ending the sessions of all others.
//
//	checker, err := healthcheck.New(healthcheck.Config{
//		Probe:    healthcheck.EngineIO(healthcheck.Request{}, isUnknownSID),
//		OnChange: func(c healthcheck.Change) { pool.SetState(c.Target.ID, stateOf(c.To)) },
//	})
//	if err != nil {
//		return err
//	}
//	checker.Set([]healthcheck.Target{{ID: "web-1", URL: "http://10.0.0.1:3000"}})
//	tasks.Go(func() { checker.Run(ctx) })                        // owns every goroutine, returns after the last
//	checker.Observe("web-1", healthcheck.BadReply, clientAddr)   // for every proxied request
//
// The package decides nothing about sessions and imports none of holdfast's
// packages: whoever connects it turns a Status into what it means for routing.
package healthcheck
