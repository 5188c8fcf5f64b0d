// Package engineio reads and writes the few things a sticky proxy must know of Engine.IO, protocol revisions 3 and 4:
// which session a request belongs to, which session a reply opens, whether a reply says "I do not know that session",
// and the words that end a session politely.
//
// It is pure: bytes in, values out. It opens nothing, keeps nothing, starts nothing and knows no clock.
//
//	q, err := engineio.ParseQuery(target)          // err: one line for a 400
//	if q.SID == "" {                               // the request opens a session …
//		h, v := engineio.ParseHandshake(body)      // … whose sid stands in the reply's first packet
//		if v == engineio.Found {
//			learn(h.SID, h.PingInterval+h.PingTimeout)
//		}
//	} else if engineio.IsUnknownSID(status, body, q.SID, upgrade) {
//		askTheNextBackend()
//	}
//
// A sid is opaque. Nothing here looks at its alphabet, and at its length only against [MaxSID].
// Reply bodies are always those of the HTTP message: without chunks, decompressed.
package engineio
