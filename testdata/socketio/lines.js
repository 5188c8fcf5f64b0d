'use strict'
// How the programs of this directory talk to the test that started them:
// events go out as JSON lines on stdout, commands come in as JSON lines on stdin.

// say writes one event with the wall clock's time in milliseconds, which all
// processes of one machine share. Writes to a pipe are synchronous, so a line
// that was said survives a SIGKILL of the sayer.
function say (event, fields) {
  process.stdout.write(JSON.stringify({ event, t: Date.now(), ...fields }) + '\n')
}

// hear calls onCommand for each line. The end of stdin means that the test is
// gone, so the process ends too: nothing started by a test outlives it.
function hear (onCommand) {
  const lines = require('readline').createInterface({ input: process.stdin })
  lines.on('line', line => onCommand(JSON.parse(line)))
  lines.on('close', () => process.exit(0))
}

module.exports = { say, hear }
