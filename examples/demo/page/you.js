import { transportName } from "./client.js";

const element = (id) => document.getElementById(id);

/** Shows your own client. dead(id) says whether a backend's process is known to be gone. */
export function showYou(me, { dead, runtime }) {
  const here = me.status === "connected";
  const badge = element("you-badge");
  badge.textContent = here ? me.backend : "·";
  if (here) badge.dataset.hue = me.backend;
  else delete badge.dataset.hue;

  element("you-where").textContent = where(me, dead);
  element("you-what").textContent = here ? runtime : me.reason ? `The client reconnects by itself (${me.reason}).` : "\u00a0";
  element("you-sid").textContent = here ? me.sid : "–";
  element("you-sessions").textContent = me.sessions || "–";
  element("send").disabled = !here;
  showTrack(here ? me.transport : null);

  const chip = element("chip");
  chip.dataset.status = me.status;
  const [how, what] = chip.lastElementChild.children; // the first is not shown on a phone
  setText(how, here ? "Connected over " : "");
  setText(what, here ? transportName[me.transport] : me.status === "connecting" ? "Connecting…" : "Reconnecting…");
}

export function showTrip(milliseconds) {
  element("you-trip").textContent = milliseconds === null ? "–" : `${milliseconds.toFixed(1)} ms`;
}

/** Adds one line to the messages: yours, or an answer with the backend it came from. */
export function showMessage(text, { backend, took, failed } = {}) {
  const talk = element("talk");
  talk.querySelector(".empty")?.remove();
  const line = document.createElement("li");
  line.className = backend ? "theirs" : failed ? "failed" : "mine";
  line.append(text);
  if (backend) {
    line.dataset.hue = backend;
    line.append(Object.assign(document.createElement("small"), { textContent: ` from ${backend}, ${took.toFixed(1)} ms` }));
  }
  talk.append(line);
  talk.scrollTop = talk.scrollHeight;
}

function where(me, dead) {
  if (me.status === "connected") return `You are on backend ${me.backend}`;
  if (me.status === "connecting") return "Looking for a backend…";
  return dead(me.backend) ? `Backend ${me.backend} was killed` : "Connection lost";
}

function showTrack(transport) {
  for (const step of element("track").children) {
    const current = step.dataset.step === transport;
    if (current) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
    step.toggleAttribute("data-past", transport === "websocket" && !current);
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text; // a status that did not change is not read out again
}
