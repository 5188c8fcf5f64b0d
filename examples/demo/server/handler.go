package main

import (
	"encoding/json"
	"net/http"
	"runtime"
	"time"

	engine "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/holdfast-proxy/holdfast/examples/demo/page"
)

// maxPayload is room for 900 KB in base64, which the end-to-end tests send.
const maxPayload = 4_000_000

// newHandler serves Socket.IO, the page, and what the page wants to know.
func newHandler(o options) http.Handler {
	options := socket.DefaultServerOptions()
	options.SetPingInterval(time.Duration(o.pingInterval) * time.Millisecond)
	options.SetMaxHttpBufferSize(maxPayload)
	options.SetAllowEIO3(o.allowEIO3)
	options.SetServeClient(false)
	options.SetTransports(types.NewSet[engine.TransportCtor](&pollingBuilder{}, engine.WebSocket))

	io := socket.NewServer(nil, nil)
	engineIO := patient{io.ServeHandler(options).(engine.Server)}
	_ = io.On("connection", func(args ...any) { greet(o.id, args[0].(*socket.Socket)) })

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", engineIO)
	mux.Handle("/", uncached(http.FileServerFS(page.Files)))
	mux.HandleFunc("GET /demo.json", func(w http.ResponseWriter, _ *http.Request) {
		writeAbout(w, o, io.Engine())
	})
	return mux
}

// writeAbout tells who this server is and how many sessions it has. client
// "engine.io" asks the page to use its own few lines instead of the real client.
func writeAbout(w http.ResponseWriter, o options, server engine.BaseServer) {
	sessions := map[string]int{"polling": 0, "websocket": 0}
	server.Clients().Range(func(_ string, s engine.Socket) bool {
		sessions[s.Transport().Name()]++
		return true
	})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": o.id, "runtime": "Go " + runtime.Version()[2:], "library": "zishang520/socket.io " + socket.VERSION,
		"client": "engine.io", "control": o.control,
		"polling": sessions["polling"], "websocket": sessions["websocket"],
	})
}

// uncached makes browsers ask every time, so that an edited page is seen at once.
func uncached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
