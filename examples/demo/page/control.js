/** The Control is the page's line to the demo's own small API: its state, as it changes, and its four verbs. */
export class Control {
  state = null;

  /** changed(state, before) after every change; lost() and found() as the API stops and starts answering. */
  constructor(address, { changed, lost, found }) {
    this.address = address;
    const source = new EventSource(`${address}/events`);
    source.onopen = found;
    source.onerror = lost;
    source.onmessage = ({ data }) => {
      const before = this.state;
      this.state = JSON.parse(data);
      changed(this.state, before);
    };
  }

  kill(id) { return this.#post(`/backends/${id}/kill`); }
  revive(id) { return this.#post(`/backends/${id}/revive`); }
  restart() { return this.#post("/proxy/restart"); }

  backend(id) { return this.state?.backends.find((backend) => backend.id === id); }

  async #post(path) {
    const reply = await fetch(this.address + path, { method: "POST" });
    if (!reply.ok) throw new Error((await reply.text()).trim());
  }
}
