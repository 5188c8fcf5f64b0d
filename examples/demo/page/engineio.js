// A client in a few lines, for a machine without Node and so without the real client's bundle.
// It speaks Engine.IO 4 (polling, the upgrade to WebSocket, heartbeats) and as much of
// Socket.IO 5 as the demo needs: connect, events, acknowledgements, reconnection.

const SEPARATOR = "\x1e"; // between the packets of one polling body
const PACKET = { open: "0", close: "1", ping: "2", pong: "3", message: "4", upgrade: "5" };

/**
 * Opens one client. Its events: opened({backend, sid, transport}), upgraded(transport), lost(reason).
 * With upgrade false it stays on polling. It reconnects by itself until it is closed.
 */
export function open({ upgrade }, events) {
  const answers = new Map(); // acknowledgement number → how to settle its promise
  let engine, retry, number = 0, failures = 0;
  let here = false; // the server has said who it is

  const receive = (text) => {
    if (text.startsWith("2")) {
      const [event, value] = JSON.parse(text.slice(1));
      if (event === "welcome") arrived(value);
    }
    const ack = /^3(\d+)(\[.*)$/s.exec(text);
    if (ack) answers.get(Number(ack[1]))?.resolve(JSON.parse(ack[2])[0]);
  };
  const arrived = ({ server }) => {
    failures = 0;
    here = true;
    events.opened({ backend: server, sid: engine.sid, transport: engine.transport });
  };
  const upgraded = (transport) => here && events.upgraded(transport);
  const closed = (reason) => {
    here = false;
    events.lost(reason);
    for (const answer of answers.values()) answer.reject(new Error(reason));
    const wait = Math.min(5000, 1000 * 2 ** failures++) * (0.5 + Math.random());
    retry = setTimeout(connect, wait);
  };
  const connect = () => {
    engine = new Engine({ upgrade, receive, closed, upgraded });
    engine.start();
  };
  connect();

  return {
    /** Resolves with the server's answer; rejects when the connection ends before it or none came within five seconds. */
    send(text) {
      const { promise, resolve, reject } = Promise.withResolvers();
      const id = ++number;
      const timeout = setTimeout(reject, 5000, new Error("no answer within 5 s"));
      answers.set(id, { resolve, reject });
      engine.write(`2${id}${JSON.stringify(["echo", text])}`);
      return promise.finally(() => {
        clearTimeout(timeout);
        answers.delete(id);
      });
    },
    close() {
      clearTimeout(retry);
      engine.close();
    },
  };
}

/** One Engine.IO session, from its handshake to its end. Every message it carries is a Socket.IO packet. */
class Engine {
  transport = "polling";
  sid = "";
  #queue = [];
  #sending = null; // the POST under way
  #polling = null; // the poll under way
  #switching = false; // set between the probe's answer and the upgrade packet
  #ended = false;
  #abort = new AbortController();

  constructor({ upgrade, receive, closed, upgraded }) {
    Object.assign(this, { upgrade, receive, closed, upgraded });
  }

  async start() {
    try {
      const [first, ...rest] = await this.#request();
      const handshake = JSON.parse(first.slice(1));
      this.sid = handshake.sid;
      this.patience = handshake.pingInterval + handshake.pingTimeout;
      this.#heard();
      this.write("0"); // Socket.IO: connect to the main namespace
      rest.forEach((packet) => this.#packet(packet));
      if (this.upgrade && handshake.upgrades.includes("websocket")) this.#probe();
      this.#poll();
    } catch (error) {
      this.#end(`handshake failed: ${error.message}`);
    }
  }

  /** Sends a Socket.IO packet; it waits its turn while a POST or the upgrade is under way. */
  write(message) {
    this.#queue.push(PACKET.message + message);
    this.#flush();
  }

  close() {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.deadline);
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(PACKET.close);
    else if (this.sid) this.#request(PACKET.close, { keepalive: true }).catch(() => {});
    this.#release();
  }

  #end(reason) {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.deadline);
    this.#release();
    this.closed(reason);
  }

  #release() {
    this.#abort.abort();
    this.socket?.close();
  }

  async #request(body, options) {
    const query = new URLSearchParams({ EIO: "4", transport: "polling", t: Date.now().toString(36) });
    if (this.sid) query.set("sid", this.sid);
    const method = body === undefined ? "GET" : "POST";
    const reply = await fetch(`/socket.io/?${query}`, { method, body, signal: options ? null : this.#abort.signal, ...options });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${reply.status} ${text}`);
    return text.split(SEPARATOR);
  }

  async #poll() {
    while (!this.#ended && !this.#switching) {
      this.#polling = this.#request();
      try {
        for (const packet of await this.#polling) this.#packet(packet);
      } catch (error) {
        this.#end(`transport error: ${error.message}`);
      }
    }
  }

  async #flush() {
    if (this.#ended || this.#switching || this.#sending || !this.sid || !this.#queue.length) return;
    const packets = this.#queue.splice(0);
    if (this.transport === "websocket") {
      packets.forEach((packet) => this.socket.send(packet));
      return;
    }
    try {
      this.#sending = this.#request(packets.join(SEPARATOR));
      await this.#sending;
      this.#sending = null;
      this.#flush();
    } catch (error) {
      this.#end(`transport error: ${error.message}`);
    }
  }

  #packet(packet) {
    this.#heard();
    if (packet[0] === PACKET.ping) this.#answerPing();
    if (packet[0] === PACKET.message) this.receive(packet.slice(1));
    if (packet[0] === PACKET.close) this.#end("transport close");
  }

  #answerPing() {
    this.#queue.push(PACKET.pong);
    this.#flush();
  }

  /** A session is over when nothing was heard for a ping interval and its timeout. */
  #heard() {
    clearTimeout(this.deadline);
    if (!this.#ended) this.deadline = setTimeout(() => this.#end("ping timeout"), this.patience);
  }

  /** Tries a WebSocket beside the polls; a probe that fails leaves the session on polling. */
  #probe() {
    const socket = new WebSocket(`/socket.io/?EIO=4&transport=websocket&sid=${encodeURIComponent(this.sid)}`);
    this.socket = socket;
    socket.onopen = () => socket.send(`${PACKET.ping}probe`);
    socket.onmessage = ({ data }) => {
      if (this.transport === "websocket") this.#packet(data);
      else if (data === `${PACKET.pong}probe`) this.#switch();
    };
    socket.onclose = () => this.transport === "websocket" && this.#end("transport close");
  }

  /** The polls must have ended before the upgrade packet: the server frees the waiting one. */
  async #switch() {
    this.#switching = true;
    await Promise.allSettled([this.#polling, this.#sending]);
    if (this.#ended) return;
    this.transport = "websocket";
    this.#switching = false;
    this.socket.send(PACKET.upgrade);
    this.upgraded(this.transport);
    this.#flush();
  }
}
