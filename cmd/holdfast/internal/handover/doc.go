// Package handover carries listening sockets, and what else a process wants to leave, from a running process to the one
// that is to follow it. It knows nothing of what is carried.
//
// The running process has a Door: a listening unix socket at a path that only its user may open. Whoever is to follow
// dials that path. Both say who they are and which version of the protocol they speak, and then they talk in messages:
//
//	running process                             its successor
//	                <── greeting ───────────── Dial
//	  Door.Accept   ─── greeting ────────────>
//	                ─── Listener, with its ──>  one for each listening socket, the door's own included
//	                    descriptor
//	                ─── State ───────────────>  what the successor must know before it opens anything
//	                ─── Sessions … ──────────>
//	                ─── Complete ────────────>  the successor begins to accept
//	                <── Ready ───────────────
//	  stops         ─── Taken ───────────────>
//	  accepting     ─── Sessions … ──────────>  what is learned while the old one ends
//	                ─── end of the stream ───>
//
// Until Taken either side may end the conversation, and the running process goes on as if nobody had come. A listening
// socket is the same one in both processes, so that there is no moment in which nobody accepts from it, and its queue
// survives the process that opened it.
package handover
