const element = (id) => document.getElementById(id);
const lanes = new Map(); // backend id → its parts in the page
const dots = new Map(); // client → its circle

/** Shows the backends as the control API tells of them. press(verb, id) is called for kill and revive. */
export function showBackends(backends, press) {
  const running = backends.filter((backend) => backend.running).length;
  for (const backend of backends) {
    const parts = laneOf(backend.id);
    parts.button.onclick = () => press(parts.button.dataset.verb, backend.id);
    showBackend(parts, backend, running === 1);
  }
}

/** Puts every client's circle where the client is. */
export function showClients(clients) {
  for (const [client, dot] of dots) {
    if (!clients.includes(client)) {
      dot.remove();
      dots.delete(client);
    }
  }
  clients.forEach(showClient);
  const waiting = clients.filter((client) => client.status !== "connected").length;
  element("waiting-note").textContent = waiting === 0 ? "no client waits" : `${waiting} ${waiting === 1 ? "client looks" : "clients look"} for one`;
  for (const lane of lanes.values()) showOthers(lane);
}

/** The lane of a backend, new if that is first heard of: from the control API, or from a client that is on it. */
function laneOf(id) {
  if (!lanes.has(id)) lanes.set(id, newLane(id));
  return lanes.get(id);
}

function newLane(id) {
  const lane = document.createElement("li");
  lane.className = "lane";
  lane.dataset.hue = id;
  lane.innerHTML = `
    <div class="about"><h3>backend <span class="letter"></span></h3>
      <p><span class="state"><i aria-hidden="true"></i><span>unknown</span></span><span class="count"></span></p></div>
    <div class="dots" aria-hidden="true"></div>
    <button class="button" hidden></button>`;
  lane.querySelector(".letter").textContent = id;
  const part = (selector) => lane.querySelector(selector);
  const parts = { lane, state: part(".state"), count: part(".count"), button: part("button"), dots: part(".dots"), sessions: 0 };
  const next = [...lanes.keys()].filter((other) => other > id).sort()[0];
  element("lanes").insertBefore(lane, lanes.get(next)?.lane ?? null);
  return parts;
}

function showBackend(parts, backend, last) {
  const { lane, state, count, button } = parts;
  lane.dataset.alive = backend.running;
  const [kind, words] = condition(backend);
  state.dataset.state = kind;
  state.lastElementChild.textContent = words;

  parts.sessions = backend.polling + backend.websocket;
  const number = document.createElement("b");
  number.textContent = parts.sessions;
  count.replaceChildren(number, ` ${parts.sessions === 1 ? "session" : "sessions"}`);
  count.hidden = !backend.running;
  count.title = `${backend.websocket} on WebSocket, ${backend.polling} polling, as the server counts them`;

  button.hidden = false;
  const verb = backend.running ? "kill" : "revive";
  button.dataset.verb = verb;
  button.className = `button ${verb}`;
  button.textContent = verb === "kill" ? "Kill" : "Revive";
  button.setAttribute("aria-label", `${button.textContent} backend ${backend.id}`);
  button.disabled = verb === "kill" && last;
  button.title = button.disabled ? "The last one stays: this page is served by it" : "";
  showOthers(parts);
}

/** What holdfast thinks of a backend, beside what has really become of its process. */
function condition({ running, state }) {
  if (running) return state === "up" ? ["up", "up"] : ["doubt", "started"];
  return state === "down" ? ["down", "killed"] : ["doubt", "just killed"];
}

function showClient(client) {
  if (!dots.has(client)) {
    const dot = document.createElement("span");
    dot.textContent = client.name;
    dot.className = client.name === "you" ? "dot me" : "dot";
    dots.set(client, dot);
  }
  const dot = dots.get(client);
  dot.dataset.status = client.status;
  dot.dataset.transport = client.transport ?? "";
  const home = client.status === "connected" ? laneOf(client.backend).dots : element("waiting").lastElementChild;
  if (dot.parentElement !== home) home.append(dot);
}

/** Sessions the server counts beyond this page's own: other tabs, or ones that linger. Shown only if they stay. */
function showOthers({ dots: home, sessions }) {
  const others = sessions - home.querySelectorAll(".dot").length;
  let note = home.querySelector(".others");
  if (others <= 0) {
    note?.remove();
    return;
  }
  if (!note) {
    note = Object.assign(document.createElement("span"), { className: "others" });
    home.append(note);
  }
  note.textContent = `+ ${others} elsewhere`;
}
