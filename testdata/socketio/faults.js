'use strict'
// Preloaded into server.js by tests that make a server ill (node --require):
//
//   SIGUSR2  stops listening, as server.close() does; open connections go on
//   SIGHUP   answers every request two seconds late from now on
//
// Commands on stdin change what becomes of requests from now on; open WebSockets go on:
//
//   {"cmd":"ail","how":"500"}     each is answered with 500
//   {"cmd":"ail","how":"reset"}   each has its connection reset
//   {"cmd":"ail","how":"silent"}  none is answered: connections are half open
//   {"cmd":"ail","how":"well"}    they are served again
const http = require('http')
const { say, hear } = require('./lines')

const ailments = {
  500: socket => socket.end('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
  reset: socket => socket.resetAndDestroy(),
  silent: () => {},
  well: null
}
let ail = null

hear(({ cmd, how }) => {
  if (cmd !== 'ail' || !(how in ailments)) throw new Error(`command ${cmd} ${how}: want ail and one of ${Object.keys(ailments)}`)
  ail = ailments[how]
  say('ails', { how })
})

const createServer = http.createServer
http.createServer = (...args) => {
  const server = createServer(...args)
  const emit = server.emit
  let late = 0
  server.emit = (event, ...rest) => {
    if (event !== 'request' && event !== 'upgrade') return emit.call(server, event, ...rest)
    if (ail) return ail(rest[0].socket)
    if (!late || event === 'upgrade') return emit.call(server, event, ...rest)
    return setTimeout(() => emit.call(server, event, ...rest), late)
  }
  process.on('SIGUSR2', () => {
    server.close()
    say('closed')
  })
  process.on('SIGHUP', () => {
    late = 2000
    say('slow')
  })
  return server
}
