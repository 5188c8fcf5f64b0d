#!/usr/bin/python3
"""The test protocol of README.md on python-socketio and aiohttp.

   /usr/bin/python3 server.py --id web-1 --port 0
"""
import argparse
import asyncio
import hashlib
import json
import os
import sys
import time

import socketio
from aiohttp import web

parser = argparse.ArgumentParser()
parser.add_argument("--id", default="server", help="how the server introduces itself")
parser.add_argument("--port", type=int, default=0)
args = parser.parse_args()

# Handlers run one after the other, so that messages are counted in the order
# of their arrival; 4 MB leaves room for 900 KB in base64.
sio = socketio.AsyncServer(
    async_mode="aiohttp",
    async_handlers=False,
    cors_allowed_origins="*",
    max_http_buffer_size=4_000_000,
)


def say(event, **fields):
    """Write one event as a JSON line with the wall clock in milliseconds."""
    line = {"event": event, "t": int(time.time() * 1000), **fields}
    print(json.dumps(line), flush=True)


def text(n):
    """What message n says besides its number, as in sequence.js."""
    return f"message {n}: a é € 😀"


class Session:
    """What one connected client sent and was sent."""

    def __init__(self, engine_sid):
        self.engine_sid = engine_sid
        self.seen = set()
        self.highest = self.sent = 0
        self.duplicated = self.reordered = self.garbled = 0

    def add(self, n, said):
        self.garbled += said != text(n)
        if n in self.seen:
            self.duplicated += 1
            return
        self.reordered += n < self.highest
        self.seen.add(n)
        self.highest = max(self.highest, n)

    def tally(self):
        return {
            "received": len(self.seen),
            "duplicated": self.duplicated,
            "reordered": self.reordered,
            "garbled": self.garbled,
            "sent": self.sent,
        }


sessions = {}


@sio.event
async def connect(sid, environ):
    engine_sid = sio.manager.eio_sid_from_sid(sid, "/")
    sessions[sid] = Session(engine_sid)
    say("connect", sid=engine_sid)
    await sio.emit("welcome", {"server": args.id, "sid": engine_sid}, to=sid)


@sio.event
async def disconnect(sid):
    say("disconnect", sid=sessions.pop(sid).engine_sid)


@sio.event
async def up(sid, n, said):
    sessions[sid].add(n, said)
    await pour(sid, 1)
    return n


@sio.event
async def pour(sid, count):
    session = sessions[sid]
    for _ in range(count):
        session.sent += 1
        await sio.emit("down", (session.sent, text(session.sent)), to=sid)


@sio.event
async def blob(sid, data):
    return hashlib.sha256(data).hexdigest(), data


@sio.event
async def tally(sid):
    return sessions[sid].tally()


@web.middleware
async def whole_bodies(request, handler):
    """Wait for the whole of a POST before python-engineio sees it.

    Its 4.x versions read what has arrived of a body, not all of it, and so
    refuse large POSTs now and then, with or without a proxy in front.
    """
    if request.method == "POST":
        body = await request.read()
        request.content.unread_data(body)
    return await handler(request)


async def main():
    app = web.Application(middlewares=[whole_bodies], client_max_size=8_000_000)
    sio.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", args.port)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    say("listening", port=port, pid=os.getpid(), id=args.id)
    # The end of stdin means that the test is gone: so is this process.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
