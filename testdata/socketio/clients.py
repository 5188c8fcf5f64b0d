#!/usr/bin/python3
"""Many clients of the test protocol of README.md on python-socketio.

   /usr/bin/python3 clients.py --url http://127.0.0.1:8080 --mode polling --count 10

Each client connects, and again whenever it is disconnected; a welcome is said
once a message has been acknowledged. The end of stdin ends the program.
"""
import argparse
import asyncio
import json
import sys
import time

import socketio

parser = argparse.ArgumentParser()
parser.add_argument("--url")
parser.add_argument("--mode", default="polling", help="polling, websocket or default: polling, then upgrade")
parser.add_argument("--count", type=int, default=1)
args = parser.parse_args()

transports = {"polling": ["polling"], "websocket": ["websocket"], "default": None}[args.mode]


def say(event, **fields):
    """Write one event as a JSON line with the wall clock in milliseconds."""
    print(json.dumps({"event": event, "t": int(time.time() * 1000), **fields}), flush=True)


def listen(sio, index):
    """Say what happens to a client."""

    @sio.event
    async def welcome(hello):
        await sio.call("up", (1, "message 1: a é € 😀"))
        say("welcome", client=index, **hello)

    @sio.event
    async def disconnect():
        say("disconnect", client=index)

    @sio.event
    async def connect_error(problem):
        say("connect_error", client=index, message=str(problem))


async def main():
    """Connect all, and wait for the end of stdin."""
    clients = [socketio.AsyncClient() for _ in range(args.count)]
    for index, sio in enumerate(clients):
        listen(sio, index)
        await sio.connect(args.url, transports=transports, wait_timeout=30)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.flush()


asyncio.run(main())
