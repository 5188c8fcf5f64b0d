import { transportName } from "./client.js";
import { Control } from "./control.js";
import { Crowd } from "./crowd.js";
import { log } from "./log.js";
import { showBackends, showClients } from "./lanes.js";
import { showMessage, showTrip, showYou } from "./you.js";

const VERDICT = { up: "is up", ejected: "gets no new sessions", down: "is down" };
const element = (id) => document.getElementById(id);

const about = await (await fetch("/demo.json")).json();
const { open } = await import(about.client === "socket.io" ? "./socketio.js" : "./engineio.js");
element("standing").textContent = about.client === "socket.io"
  ? `The servers and the client of this page are the real ones: ${about.runtime}, ${about.library}.`
  : `This runs without Node: the three servers are Go programs (${about.library}), and the page speaks Engine.IO in a few lines of its own instead of the real Socket.IO client.`;

const crowd = new Crowd({ open, changed: clientChanged, report: (text) => log(text, "result") });
const control = new Control(about.control, { changed: stateChanged, lost: controlLost, found: controlFound });

log(`This page came through holdfast from backend ${about.id}.`);
crowd.join({ upgrade: true });
show();

function show() {
  showYou(crowd.me, { dead: (id) => control.backend(id)?.running === false, runtime: `${about.library} on ${about.runtime}` });
  showClients(crowd.clients);
  const upgraded = crowd.connected.filter((client) => client.transport === "websocket").length;
  element("tally").textContent = `${crowd.connected.length} of ${crowd.clients.length} connected, ${upgraded} on WebSocket`;
  element("more").disabled = crowd.full;
  element("fewer").disabled = crowd.clients.length === 1;
}

function clientChanged(client, what) {
  if (client === crowd.me) tellOfMe(client, what);
  show();
}

function tellOfMe(me, what) {
  if (what === "opened") {
    log(`You are on backend ${me.backend}, over ${transportName[me.transport]}.`);
    measure(me);
  }
  if (what === "upgraded") {
    log("Your session was upgraded from polling to WebSocket.");
    measure(me);
  }
  if (what === "lost") {
    showTrip(null);
    log(`You lost backend ${me.backend} (${me.reason}).`);
  }
}

function stateChanged(state, before) {
  showBackends(state.backends, press);
  showProxy(state.proxy);
  tellOfState(state, before);
  show();
  crowd.check();
}

function showProxy({ generation, draining }) {
  element("proxy").dataset.state = draining ? "restarting" : "listening";
  const rest = draining ? `, while ${generation - 1} lets its clients go` : ` on ${location.host}`;
  element("proxy-note").textContent = `instance ${generation}${rest}`;
  element("restart").disabled = draining;
}

/** Tells of what changed: also of what another tab or a shell has done. */
function tellOfState(state, before) {
  if (!before) return;
  if (state.proxy.generation !== before.proxy.generation) {
    log("holdfast is restarting: a new instance takes all new connections, the old one lets its clients go.");
    crowd.watch("Proxy restarted", () => !control.state.proxy.draining);
  }
  state.backends.forEach((backend, i) => tellOfBackend(backend, before.backends[i]));
}

function tellOfBackend(backend, before) {
  const { id } = backend;
  if (before.running && !backend.running) {
    log(`Backend ${id} was killed.`);
    crowd.watch(`Backend ${id} killed`, () => control.backend(id).state !== "up" || control.backend(id).running);
  }
  if (!before.running && backend.running) log(`Backend ${id} has a new process.`);
  if (backend.state !== before.state) log(`holdfast: backend ${id} ${VERDICT[backend.state] ?? backend.state}.`);
}

function controlLost() {
  element("proxy").dataset.state = "unknown";
  element("proxy-note").textContent = "no word from the demo's controls, which answer only on its own machine";
  for (const button of document.querySelectorAll("#restart, .kill, .revive")) button.disabled = true;
}

function controlFound() {
  if (control.state) stateChanged(control.state, null);
}

async function press(verb, id) {
  try {
    await control[verb](id);
  } catch (error) {
    log(`Could not ${verb} ${id ? `backend ${id}` : "holdfast"}: ${error.message}`, "bad");
  }
}

/** One round trip that nobody sees but its figure. */
async function measure(me) {
  const trip = await me.send("").catch(() => null);
  if (me.status === "connected") showTrip(trip?.took ?? null);
}

element("restart").onclick = () => press("restart");

element("more").onclick = () => {
  crowd.more(10);
  show();
};

element("fewer").onclick = () => {
  crowd.fewer();
  show();
};

element("stay").onchange = ({ target }) => {
  crowd.join({ upgrade: !target.checked });
  show();
};

element("say").onsubmit = async (event) => {
  event.preventDefault();
  const text = element("text").value.trim();
  if (!text) return;
  showMessage(text);
  try {
    const { answer, took } = await crowd.me.send(text);
    showMessage(answer.text, { backend: answer.server, took });
    showTrip(took);
  } catch {
    showMessage("No answer: the connection was lost on the way.", { failed: true });
  }
};
