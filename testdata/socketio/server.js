'use strict'
// A real Socket.IO server that speaks the test protocol of README.md.
//
//   node server.js --version 4 --id web-1 --port 0 --allow-eio3
const http = require('http')
const crypto = require('crypto')
const { parseArgs } = require('util')
const { say, hear } = require('./lines')
const { Sequence, text } = require('./sequence')

const { values: args } = parseArgs({
  options: {
    version: { type: 'string', default: '4' }, // major version of socket.io: 2, 3 or 4
    id: { type: 'string', default: 'server' }, // how the server introduces itself
    port: { type: 'string', default: '0' },
    'allow-eio3': { type: 'boolean', default: false }, // let clients of version 2 in (servers 3 and 4)
    'ping-interval': { type: 'string' }, // milliseconds; default: the library's
    'ping-timeout': { type: 'string' },
    recover: { type: 'boolean', default: false }, // connection state recovery (server 4)
    'count-refused': { type: 'string' }, // of sids that begin so the refusals are only counted
    'third-party-cookie': { type: 'boolean', default: false } // set a cookie that only cross-site requests need
  }
})

const server = http.createServer((req, res) => res.writeHead(404).end())
const io = listen(server)
io.on('connection', serve)
server.on('request', req => req.method === 'OPTIONS' && say('preflight', { url: req.url }))
io.engine?.on('connection', session => say('session', { sid: session.id }))
io.engine?.on('connection_error', e => refused(e.code, e.req?._query?.sid))
server.listen(Number(args.port), '127.0.0.1', () => {
  say('listening', { port: server.address().port, pid: process.pid, id: args.id })
})
hear(() => {})

// refused says that a request was, or counts it and says so ten times a second:
// a line for each of thousands would be the most that this program does.
let uncounted = 0
function refused (code, sid) {
  if (!args['count-refused'] || !sid?.startsWith(args['count-refused'])) {
    say('refused', { code, sid })
  } else if (uncounted++ === 0) {
    setTimeout(() => {
      say('refused_many', { count: uncounted })
      uncounted = 0
    }, 100)
  }
}

// listen attaches the wanted version with room for 900 KB in base64 and open to
// every origin; all else is the library's default.
function listen (server) {
  const options = { maxHttpBufferSize: 4e6 }
  if (args['ping-interval']) options.pingInterval = Number(args['ping-interval'])
  if (args['ping-timeout']) options.pingTimeout = Number(args['ping-timeout'])
  if (args.version === '2') return require('socket.io-2')(server, options)
  const { Server } = require('socket.io-' + args.version)
  const io = new Server(server, {
    ...options,
    allowEIO3: args['allow-eio3'],
    ...(args.recover && { connectionStateRecovery: {} }),
    cors: { origin: true, credentials: true }
  })
  if (args['third-party-cookie']) {
    io.engine.on('initial_headers', headers => {
      headers['Set-Cookie'] = 'thirdparty=1; SameSite=None; Secure'
    })
    io.engine.on('headers', (_, req) => say('request', { cookie: req.headers.cookie || '' }))
  }
  return io
}

function serve (socket) {
  const sid = socket.conn.id
  const up = new Sequence()
  let sent = 0
  const pour = count => {
    for (; count > 0; count--) socket.emit('down', ++sent, text(sent))
  }

  say('connect', { sid, transport: socket.conn.transport.name, recovered: Boolean(socket.recovered) })
  socket.conn.on('upgrade', () => say('upgrade', { sid }))
  socket.on('disconnect', reason => say('disconnect', { sid, reason, ...up.report() }))

  socket.on('up', (n, said, ack) => {
    up.add(n, said)
    pour(1)
    ack(n)
  })
  socket.on('pour', pour)
  socket.on('blob', (blob, ack) => {
    ack(crypto.createHash('sha256').update(blob).digest('hex'), blob)
  })
  socket.on('stream', (every, gap) => {
    part(socket.conn, gap)
    const timer = setInterval(() => socket.emit('bits', crypto.randomBytes(1000)), every)
    socket.on('disconnect', () => clearInterval(timer))
  })
  socket.on('tally', ack => ack({ ...up.report(), sent }))
  socket.emit('welcome', { server: args.id, sid })
}

// part has the attachments of binary events leave so many milliseconds after their header.
function part (conn, gap) {
  const write = conn.write
  conn.write = (data, ...rest) => {
    if (typeof data === 'string') return write.call(conn, data, ...rest)
    setTimeout(() => write.call(conn, data, ...rest), gap)
    return conn
  }
}
