/** How transports are called where a person reads it. */
export const transportName = { polling: "polling", websocket: "WebSocket" };

/** A Client is one Socket.IO session of this page, or the attempt to get one, and what is known of it. */
export class Client {
  status = "connecting"; // connecting, connected, reconnecting or closed
  backend = null; // the one it is on; while reconnecting, the one it was on
  transport = null; // polling or websocket
  sid = "";
  reason = ""; // why the last session ended
  sessions = 0; // sessions opened so far
  gap = 0; // milliseconds without a session, the last time it lost one

  #lostAt = 0;

  /** open comes from socketio.js or engineio.js; changed(client, what) is called after every change. */
  constructor({ name, open, upgrade, changed }) {
    this.name = name;
    this.upgrade = upgrade;
    this.changed = changed;
    this.link = open({ upgrade }, {
      opened: (session) => this.#opened(session),
      upgraded: (transport) => this.#set({ transport }, "upgraded"),
      lost: (reason) => this.#lost(reason),
    });
  }

  /** Resolves with what the server answered and the time it took, in milliseconds. */
  async send(text) {
    const start = performance.now();
    const answer = await this.link.send(text);
    return { answer, took: performance.now() - start };
  }

  close() {
    this.#set({ status: "closed" }, "closed");
    this.link.close();
  }

  #opened({ backend, sid, transport }) {
    this.sessions++;
    this.gap = this.#lostAt ? performance.now() - this.#lostAt : 0;
    this.#lostAt = 0;
    this.#set({ status: "connected", backend, sid, transport }, "opened");
  }

  #lost(reason) {
    if (this.#lostAt || this.sessions === 0) return; // an attempt that failed has lost nothing
    this.#lostAt = performance.now();
    this.#set({ status: "reconnecting", transport: null, reason }, "lost");
  }

  #set(change, what) {
    if (this.status === "closed") return;
    Object.assign(this, change);
    this.changed(this, what);
  }
}
