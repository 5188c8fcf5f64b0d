'use strict'
// Many real Socket.IO clients in one process.
//
//   node clients.js --url http://127.0.0.1:8080 --version 4 --mode default --count 60
//
// Each client connects and exchanges messages; when all are done, or the
// deadline has passed, one line "summary" has a report of each. Then the
// clients stay connected and commands on stdin are obeyed:
//
//   {"cmd":"exchange"}                   once more, on whatever session each has now
//   {"cmd":"abort","client":3,"age":50}  cut the TCP connection of a poll that is that many ms old
//   {"cmd":"stream","server":"b1","every":600,"gap":150}  those on b1 receive binary events, whose attachments come late
//   {"cmd":"talk","every":600}           send a message every so many ms from now on; 0 ends that
//   {"cmd":"close"}                      say goodbye and exit with 0
const { parseArgs } = require('util')
const crypto = require('crypto')
const { say, hear } = require('./lines')
const { Wire } = require('./http-watch')
const { Client, modes } = require('./client')

const { values: args } = parseArgs({
  options: {
    url: { type: 'string' },
    version: { type: 'string', default: '4' }, // major version of socket.io-client: 2, 3 or 4
    mode: { type: 'string', default: 'default' }, // one of client.js's modes
    count: { type: 'string', default: '1' },
    ramp: { type: 'string', default: '0' }, // milliseconds from one client's start to the next's
    rounds: { type: 'string', default: '3' }, // of messages before the blobs
    burst: { type: 'string', default: '5' }, // messages each way in a round
    sizes: { type: 'string', default: '1,1000,60000' }, // bytes of each client's blobs
    big: { type: 'string', default: '900000' }, // one more blob for every sixth client; 0: none
    deadline: { type: 'string', default: '60000' }, // milliseconds for one exchange
    query: { type: 'string', default: '' } // name=value that each client adds to its URL; {client} in it is the client's number
  }
})
if (!modes[args.mode]) throw new Error(`--mode ${args.mode}: want one of ${Object.keys(modes)}`)
if (args.mode.startsWith('jsonp')) require('./jsonp-document').install()

const env = {
  io: require('socket.io-client-' + args.version),
  say,
  sha256: async bytes => crypto.createHash('sha256').update(bytes).digest('hex'),
  Bytes: bytes => Buffer.from(bytes.buffer)
}
const clients = [] // { client, wire }, by index

start()
hear(obey)

async function start () {
  const began = []
  for (let i = 0; i < Number(args.count); i++) {
    const wire = new Wire(refusal => say('refused', { client: i, ...refusal }))
    const client = wire.run(() => new Client(args.url, i, args.mode, { ...env, options: optionsOf(i) }))
    clients.push({ client, wire })
    began.push(exchange(client))
    if (Number(args.ramp)) await new Promise(resolve => setTimeout(resolve, Number(args.ramp)))
  }
  await Promise.all(began)
  summarise()
}

function optionsOf (i) {
  if (!args.query) return {}
  return { query: Object.fromEntries(new URLSearchParams(args.query.replaceAll('{client}', i))) }
}

// exchange never fails: what did not come about is in the client's report.
function exchange (client) {
  const sizes = args.sizes.split(',').filter(Boolean).map(Number)
  if (client.index % 6 === 0 && Number(args.big)) sizes.push(Number(args.big))
  const deadline = new Promise(resolve => setTimeout(resolve, Number(args.deadline)).unref())
  const work = client.exchange({ rounds: Number(args.rounds), burst: Number(args.burst), sizes })
  return Promise.race([work.catch(() => {}), deadline])
}

function summarise () {
  say('summary', {
    clients: clients.map(({ client, wire }) => ({
      ...client.report(), statuses: wire.statuses, connections: wire.connections
    }))
  })
}

async function obey (command) {
  switch (command.cmd) {
    case 'exchange':
      await Promise.all(clients.map(({ client }) => exchange(client)))
      return summarise()
    case 'abort':
      return abort(clients[command.client], command.age || 0)
    case 'stream':
      return clients.forEach(({ client }) => client.stream(command))
    case 'talk': // not all in the same moment
      return clients.forEach(({ client }, i) => setTimeout(() => client.talk(command.every), command.every * i / clients.length))
    case 'close':
      clients.forEach(({ client }) => client.close())
      return setTimeout(() => process.exit(0), 200)
    default:
      throw new Error(`command ${command.cmd}: want exchange, abort, stream, talk or close`)
  }
}

// abort destroys the connection of an open poll once it is old enough, and says when.
function abort ({ client, wire }, age) {
  const poll = wire.polls().find(req => req.socket && req.age() >= age)
  if (!poll) return setTimeout(abort, 1, { client, wire }, age)
  say('aborted', { client: client.index, sid: client.session.sid, age: poll.age() })
  poll.socket.destroy()
}
