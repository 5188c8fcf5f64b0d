'use strict'
// One client of the test protocol of README.md. Runs in Node and in browsers.

const modes = {
  default: {},
  polling: { transports: ['polling'] },
  cookie: { transports: ['polling'], withCredentials: true }, // version 4 keeps cookies then, in Node too
  websocket: { transports: ['websocket'] },
  jsonp: { transports: ['polling'], forceJSONP: true },
  'jsonp-upgrade': { forceJSONP: true }
}

// Session is one life on one server: from its welcome to its disconnect.
class Session {
  constructor ({ server, sid }) {
    this.server = server
    this.sid = sid
    this.sent = 0
    this.acks = new Sequence()
    this.down = new Sequence()
    this.blobsSent = 0
    this.blobsIntact = 0
    this.bits = 0 // binary events of a stream
    this.tally = null // the server's own counts, at the end of an exchange
    this.over = false
    this.ended = new Promise((resolve, reject) => { this.end = reject })
    this.ended.catch(() => {})
  }

  // last is what can be said of the session at its end: messages that went by without one before them are missed.
  last () {
    this.over = true
    const [acks, down] = [this.acks.report(), this.down.report()]
    const sums = ['missed', 'duplicated', 'reordered', 'garbled'].map(name => [name, acks[name] + down[name]])
    return { sid: this.sid, server: this.server, ...Object.fromEntries(sums) }
  }
}

// Client keeps a socket of the real library connected, exchanges messages over
// it and counts what went wrong. env has what differs between Node and browser:
// io (the library), say(event, fields), sha256(bytes) and Bytes(array) for the
// kind of binary that the library sends.
class Client {
  constructor (url, index, mode, env) {
    this.index = index
    this.mode = mode
    this.env = env
    this.welcomes = this.connectErrors = this.disconnects = this.upgradeErrors = 0
    this.done = false
    this.socket = env.io(url, { ...modes[mode], ...env.options, forceNew: true })
    this.session = null
    this.awaitWelcome()
    this.listen()
  }

  // awaitWelcome makes welcomed a promise of the next session.
  awaitWelcome () {
    this.welcomed = new Promise(resolve => { this.onWelcome = resolve })
  }

  say (event, fields) {
    this.env.say(event, { client: this.index, ...fields })
  }

  listen () {
    this.socket.io.on('open', () => this.watch(this.socket.io.engine))
    this.socket.on('connect_error', e => {
      this.connectErrors++
      this.say('connect_error', { message: String(e.message || e) })
    })
    this.socket.on('disconnect', reason => {
      this.disconnects++
      this.awaitWelcome()
      this.session?.end(new Error(reason))
      this.say('disconnect', { reason, ...this.session?.last() })
    })
    this.socket.on('welcome', ({ server, sid }) => {
      this.welcomes++
      this.session = new Session({ server, sid })
      this.say('welcome', { server, sid, recovered: Boolean(this.socket.recovered) })
      this.stream()
      this.onWelcome()
    })
    this.socket.on('bits', bytes => {
      if (++this.session.bits === 1) this.say('streaming', { bytes: bytes.byteLength })
    })
    this.socket.on('down', (n, said) => this.session.down.add(n, said))
  }

  // watch follows one engine, of which every reconnection makes a new one;
  // upgraded is a promise of its WebSocket.
  watch (engine) {
    this.upgraded = new Promise(resolve => {
      if (engine.transport.name === 'websocket') resolve()
      engine.on('upgrade', () => {
        this.say('upgrade', {})
        resolve()
      })
    })
    engine.on('upgradeError', e => {
      this.upgradeErrors++
      this.say('upgrade_error', { message: String(e.message || e) })
    })
  }

  mayUpgrade () {
    return this.mode === 'default' || this.mode === 'jsonp-upgrade'
  }

  // exchange runs the whole protocol once on the current session: messages and
  // blobs while the transport may still be changing, messages again after it
  // has, and the server's counts. It throws when the session ends meanwhile.
  async exchange ({ rounds, burst, sizes }) {
    this.done = false
    await this.welcomed
    const session = this.session
    for (let i = 0; i < rounds; i++) await this.round(session, burst)
    for (const size of sizes) await this.blob(session, size)
    if (this.mayUpgrade()) await Promise.race([this.upgraded, session.ended])
    await this.round(session, burst)
    session.tally = await this.ask(session, 'tally')
    this.done = true
  }

  // round sends a burst of numbered messages at once, asks for as many back,
  // and waits for the acknowledgements.
  async round (session, burst) {
    const acks = []
    for (let i = 0; i < burst; i++) {
      const n = ++session.sent
      acks.push(this.ask(session, 'up', n, text(n)).then(n => session.acks.add(n, text(n))))
    }
    this.socket.emit('pour', burst)
    await Promise.all(acks)
  }

  // talk sends a numbered message every so many milliseconds, in whatever session there is; 0 ends that.
  talk (every) {
    clearInterval(this.talking)
    if (every) this.talking = setInterval(() => this.utter(this.session), every)
  }

  utter (session) {
    if (!session || session.over) return
    const n = ++session.sent
    this.ask(session, 'up', n, text(n)).then(n => session.acks.add(n, text(n)), () => {})
  }

  // blob sends random bytes, which come back with the server's hash of them.
  async blob (session, size) {
    const bytes = noise(size, this.index + size)
    session.blobsSent++
    const hash = await this.env.sha256(bytes)
    const reply = this.askAll(session, 'blob', this.env.Bytes(bytes))
    const [theirs, echo] = await reply
    if (theirs === hash && same(bytes, new Uint8Array(echo))) session.blobsIntact++
  }

  // ask resolves with the first value of the acknowledgement, askAll with all.
  async ask (session, ...message) {
    return (await this.askAll(session, ...message))[0]
  }

  askAll (session, ...message) {
    const reply = new Promise(resolve => {
      this.socket.emit(...message, (...values) => resolve(values))
    })
    return Promise.race([reply, session.ended])
  }

  // stream has one server, whenever this client is on it, send a binary event every so many milliseconds, its attachment
  // that much later than its header.
  stream (wish = this.streams) {
    this.streams = wish
    if (wish && wish.server === this.session?.server) this.socket.emit('stream', wish.every, wish.gap)
  }

  // report has the current session's counts. Losses are known only after the
  // server's tally; until then whatever was not acknowledged counts as lost.
  report () {
    const s = this.session
    const { index: client, done, welcomes, connectErrors, disconnects, upgradeErrors } = this
    const mine = { client, done, welcomes, connectErrors, disconnects, upgradeErrors }
    if (!s) return mine
    const tally = s.tally || { received: s.acks.seen.size, sent: s.down.seen.size, duplicated: 0, reordered: 0, garbled: 0 }
    const all = [s.acks.report(), s.down.report(), tally]
    const sum = name => all.reduce((total, counts) => total + counts[name], 0)
    return {
      ...mine,
      server: s.server,
      sid: s.sid,
      transport: this.socket.io.engine?.transport?.name,
      sent: s.sent,
      acked: s.acks.seen.size,
      received: s.down.seen.size,
      lost: (s.sent - tally.received) + (s.sent - s.acks.seen.size) + (tally.sent - s.down.seen.size),
      duplicated: sum('duplicated'),
      reordered: sum('reordered'),
      garbled: sum('garbled'),
      blobsSent: s.blobsSent,
      blobsIntact: s.blobsIntact
    }
  }

  close () {
    this.socket.close()
  }
}

// noise is size pseudo-random bytes that depend on seed alone (xorshift32).
function noise (size, seed) {
  const bytes = new Uint8Array(size)
  let x = seed * 2654435761 | 1
  for (let i = 0; i < size; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    bytes[i] = x
  }
  return bytes
}

function same (a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

if (typeof module !== 'undefined') {
  const sequence = require('./sequence')
  globalThis.Sequence = sequence.Sequence
  globalThis.text = sequence.text
  module.exports = { Client, modes }
}
