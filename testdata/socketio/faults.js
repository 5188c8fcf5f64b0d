'use strict'
// Preloaded into server.js by tests that make a server ill (node --require):
//
//   SIGUSR2  stops listening, as server.close() does; open connections go on
//   SIGHUP   answers every request two seconds late from now on
const http = require('http')
const { say } = require('./lines')

const createServer = http.createServer
http.createServer = (...args) => {
  const server = createServer(...args)
  process.on('SIGUSR2', () => {
    server.close()
    say('closed')
  })
  process.on('SIGHUP', () => {
    const emit = server.emit
    server.emit = (event, ...rest) => {
      if (event !== 'request') return emit.call(server, event, ...rest)
      return setTimeout(() => emit.call(server, event, ...rest), 2000)
    }
    say('slow')
  })
  return server
}
