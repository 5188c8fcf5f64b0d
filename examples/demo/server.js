// One Socket.IO server of the demo, as an application would write it: it knows nothing of holdfast.
//
//   node server.js --id a --port 3001 --control http://127.0.0.1:9000
//
// It prints one JSON line with its port and process id once it listens. If its standard
// input is a pipe, it ends when that is closed, so that it does not outlive the demo.
import { fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values: args } = parseArgs({
  options: {
    id: { type: "string", default: "node" }, // how the server introduces itself
    port: { type: "string", default: "0" }, // on 127.0.0.1; 0 takes a free one
    control: { type: "string", default: "" }, // URL of the demo's control API, handed on to the page
    "ping-interval": { type: "string", default: "25000" }, // milliseconds between two heartbeats
  },
});

const here = dirname(fileURLToPath(import.meta.url));
const { version } = createRequire(import.meta.url)("socket.io/package.json");
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };

const server = createServer(serve);
const io = new Server(server, { pingInterval: Number(args["ping-interval"]), serveClient: false });

io.on("connection", (socket) => {
  socket.on("echo", (text, answer) => answer({ server: args.id, text }));
  socket.emit("welcome", { server: args.id, sid: socket.conn.id });
});

server.listen(Number(args.port), "127.0.0.1", () => {
  console.log(JSON.stringify({ event: "listening", id: args.id, port: server.address().port, pid: process.pid }));
});

const stdin = fstatSync(0);
if (stdin.isFIFO() || stdin.isSocket()) {
  process.stdin.resume().on("end", () => process.exit(0));
  process.on("SIGINT", () => {}); // a Ctrl-C meant for the demo, which ends its servers last
}

async function serve(request, response) {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/demo.json") return reply(response, 200, "application/json", JSON.stringify(about()));
  const file = fileOf(pathname);
  try {
    if (file) return reply(response, 200, types[extname(file)], await readFile(file));
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  reply(response, 404, "text/plain", "not found\n");
}

// Only plain names of known kinds, so that no path leads out of the page's directory.
function fileOf(pathname) {
  if (pathname === "/") return join(here, "page", "index.html");
  if (!/^\/[a-z.]+$/.test(pathname) || !types[extname(pathname)]) return null;
  const client = pathname === "/socket.io.esm.min.js";
  return join(here, client ? "node_modules/socket.io-client/dist" : "page", pathname);
}

function reply(response, status, type, body) {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-cache" }).end(body);
}

// Who this server is and how many sessions it has, for the page and the demo.
function about() {
  const transports = Object.values(io.engine.clients).map((client) => client.transport.name);
  const count = (name) => transports.filter((transport) => transport === name).length;
  return {
    id: args.id, runtime: `Node ${process.versions.node}`, library: `socket.io ${version}`,
    client: "socket.io", control: args.control,
    polling: count("polling"), websocket: count("websocket"),
  };
}
