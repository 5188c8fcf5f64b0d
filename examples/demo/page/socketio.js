// The real Socket.IO client, as every web page uses it.
import { io } from "/socket.io.esm.min.js";

/**
 * Opens one client. Its events: opened({backend, sid, transport}), upgraded(transport), lost(reason).
 * With upgrade false it stays on polling. It reconnects by itself until it is closed.
 */
export function open({ upgrade }, events) {
  const transports = upgrade ? ["polling", "websocket"] : ["polling"];
  const socket = io({ transports, forceNew: true });

  socket.on("welcome", ({ server }) => {
    const engine = socket.io.engine;
    events.opened({ backend: server, sid: engine.id, transport: engine.transport.name });
    engine.on("upgrade", (transport) => events.upgraded(transport.name));
  });
  socket.on("disconnect", (reason) => events.lost(reason));

  return {
    /** Resolves with the server's answer; rejects when none came within five seconds. */
    send: (text) => socket.timeout(5000).emitWithAck("echo", text),
    close: () => socket.disconnect(),
  };
}
