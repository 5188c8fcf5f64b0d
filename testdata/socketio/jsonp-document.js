'use strict'
// The few parts of a browser's document that the version 2 and 3 client
// libraries need for JSONP, so that the libraries' own JSONP transport runs in
// Node: script elements that fetch and run their src, and forms that post.
const http = require('http')
const vm = require('vm')

class Element {
  constructor (tag) {
    this.tag = tag
    this.style = {}
    this.children = []
  }

  setAttribute () {}

  appendChild (child) {
    child.parentNode = this
    this.children.push(child)
    if (child.tag === 'script') runScript(child)
  }

  removeChild (child) {
    this.children = this.children.filter(c => c !== child)
  }

  // submit posts a form as application/x-www-form-urlencoded, with the line
  // ends that browsers use, and tells the iframe that is its target.
  submit () {
    const area = this.children.find(c => c.tag === 'textarea')
    const body = new URLSearchParams({ [area.name]: area.value.replace(/\r?\n/g, '\r\n') }).toString()
    const req = http.request(this.action, {
      method: this.method,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': Buffer.byteLength(body) }
    })
    const loaded = () => this.children.findLast(c => c.tag.includes('iframe'))?.onload?.() // which it has while its form is awaited
    req.on('response', res => res.resume().on('end', loaded))
    req.on('error', loaded) // a browser shows an error page in the iframe, and that loads
    req.end(body)
  }
}

// runScript behaves as a script element: only a 200 runs, anything else is an
// error, and a script that was taken out of the document meanwhile still runs.
function runScript (script) {
  const fail = e => script.onerror(e)
  http.get(script.src, res => {
    const chunks = []
    res.on('data', chunk => chunks.push(chunk))
    res.on('error', fail)
    res.on('end', () => {
      if (res.statusCode !== 200) return fail(new Error('status ' + res.statusCode))
      vm.runInThisContext(Buffer.concat(chunks).toString())
    })
  }).on('error', fail)
}

// install makes the document global; there is no need to take it away again.
function install () {
  globalThis.document = {
    body: new Element('body'),
    createElement: tag => new Element(tag),
    getElementsByTagName: () => []
  }
}

module.exports = { install }
