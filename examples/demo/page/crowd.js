import { Client } from "./client.js";

const LIMIT = 61; // you and sixty more: enough to see, few enough for one browser
const POLLERS = 2; // that stay on polling, see the note on the page

/** The Crowd is all clients of this page: you first, then those opened by the button. */
export class Crowd {
  clients = [];
  #incident = null;
  #number = 0;

  /** changed(client, what) after every change; report(text) when what befell the clients is over. */
  constructor({ open, changed, report }) {
    Object.assign(this, { open, changed, report });
  }

  get me() { return this.clients[0]; }
  get full() { return this.clients.length >= LIMIT; }
  get connected() { return this.clients.filter((client) => client.status === "connected"); }

  /** Opens your own client, in place of the one before. */
  join({ upgrade }) {
    this.me?.close();
    this.clients[0] = this.#client("you", upgrade);
  }

  more(count) {
    for (let i = 0; i < count && !this.full; i++) {
      const pollers = this.clients.slice(1).filter((client) => !client.upgrade).length;
      this.clients.push(this.#client(String(++this.#number), pollers >= POLLERS));
    }
  }

  fewer() {
    const others = this.clients.splice(1);
    this.#number = 0;
    others.forEach((client) => client.close());
  }

  /** Begins to count who loses a session; the result is reported once settled() says so and everyone is back. */
  watch(name, settled) {
    this.#incident ??= { causes: new Map(), lost: new Set() };
    if (name) this.#incident.causes.set(name, settled);
    this.check();
  }

  /** To be called after every change outside the clients that settled() looks at. */
  check() {
    const incident = this.#incident;
    if (!incident) return;
    clearTimeout(incident.calm);
    const over = this.connected.length === this.clients.length && [...incident.causes.values()].every((settled) => settled());
    if (over) incident.calm = setTimeout(() => this.#conclude(), 700); // losses may be on their way
  }

  #client(name, upgrade) {
    return new Client({ name, upgrade, open: this.open, changed: (client, what) => this.#heard(client, what) });
  }

  #heard(client, what) {
    if (what === "lost") {
      this.watch(); // the cause, if it is known, is told later than the loss is felt
      this.#incident.lost.add(client);
    }
    this.changed(client, what);
    this.check();
  }

  #conclude() {
    const { lost, causes } = this.#incident;
    this.#incident = null;
    const back = this.clients.filter((client) => lost.has(client));
    const cause = [...causes.keys()].join(", ") || "A connection was lost";
    this.report(`${cause}: ${summary(back, this.clients.length - back.length)}`);
  }
}

function summary(back, kept) {
  if (back.length === 0) return `no client noticed; all ${kept} kept their sessions.`;
  const gaps = back.map((client) => client.gap / 1000);
  const from = Math.min(...gaps).toFixed(1), to = Math.max(...gaps).toFixed(1);
  const time = from === to ? `${to} s` : `${from}–${to} s`;
  const untouched = kept > 0 ? ` The other ${kept} kept their sessions.` : "";
  return `${back.length} ${back.length === 1 ? "client has" : "clients have"} a new session after ${time}.${untouched}`;
}
