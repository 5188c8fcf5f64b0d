'use strict'
// What goes over the wire below the client libraries: every response's status,
// the TCP connections used, and the polls that are open now, kept apart for
// each client. Load it before the libraries.
const http = require('http')
const { AsyncLocalStorage } = require('async_hooks')

const current = new AsyncLocalStorage()

// Wire is one client's view: statuses counts responses by status, sockets are
// the TCP connections seen, open the requests without a complete reply.
class Wire {
  constructor (onRefusal) {
    this.onRefusal = onRefusal
    this.statuses = {}
    this.connections = 0
    this.open = new Set()
  }

  // run attributes all requests to this client that fn leads to, now or later.
  run (fn) {
    return current.run(this, fn)
  }

  // polls are the GETs with a sid that wait for their reply.
  polls () {
    return [...this.open].filter(req => req.method === 'GET' && /[?&]sid=/.test(req.path) && req.path.includes('polling'))
  }

  observe (req) {
    const started = Date.now()
    req.age = () => Date.now() - started
    this.open.add(req)
    req.once('close', () => this.open.delete(req))
    req.once('socket', socket => {
      if (socket.seen) return
      socket.seen = true
      this.connections++
    })
    // Looked at from emit, since adding listeners changes how Node treats a reply.
    const emit = req.emit
    req.emit = (event, ...rest) => {
      if (event === 'response' || event === 'upgrade') this.count(req, rest[0].statusCode)
      return emit.call(req, event, ...rest)
    }
  }

  count (req, status) {
    this.statuses[status] = (this.statuses[status] || 0) + 1
    if (status >= 400) this.onRefusal({ status, method: req.method, path: req.path })
  }
}

for (const name of ['request', 'get']) {
  const original = http[name]
  http[name] = (...args) => {
    const req = original(...args)
    current.getStore()?.observe(req)
    return req
  }
}

module.exports = { Wire }
