'use strict'
// Clients of version 4 in a real browser: a page of one site, http://localhost,
// whose sockets go to another, as --url says (http://127.0.0.1 is cross-site to
// localhost). Writes the same events and summary as clients.js, and ends.
//
//   node browser.js --url http://127.0.0.1:8080 --chromium /usr/bin/chromium
const fs = require('fs')
const http = require('http')
const os = require('os')
const path = require('path')
const { parseArgs } = require('util')
const { chromium } = require('playwright-core')
const { say, hear } = require('./lines')

const { values: args } = parseArgs({
  options: {
    url: { type: 'string' },
    chromium: { type: 'string' },
    mode: { type: 'string', default: 'default' }, // default, polling or websocket
    count: { type: 'string', default: '3' }, // a browser has six connections per host, of which each poll takes one
    preflight: { type: 'boolean', default: false }, // send a header on polls that makes the browser ask first
    cookies: { type: 'string', default: 'blocked' } // third-party cookies: blocked or allowed
  }
})

const files = {
  '/': 'browser.html',
  '/socket.io.js': 'node_modules/socket.io-4/client-dist/socket.io.js',
  '/sequence.js': 'sequence.js',
  '/client.js': 'client.js'
}

hear(() => {})
main().then(() => process.exit(0), e => {
  say('failed', { message: String(e.stack || e) })
  process.exit(1)
})

async function main () {
  const site = await serveSite()
  const profile = newProfile()
  const browser = await launch(profile)
  try {
    await visit(browser, `http://localhost:${site.address().port}/`)
  } finally {
    await browser.close()
    fs.rmSync(profile, { recursive: true, force: true })
    site.close()
  }
}

function serveSite () {
  const site = http.createServer((req, res) => {
    const file = files[req.url]
    if (!file) return res.writeHead(404).end()
    res.setHeader('Content-Type', file.endsWith('.html') ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8')
    fs.createReadStream(path.join(__dirname, file)).pipe(res)
  })
  return new Promise(resolve => site.listen(0, 'localhost', () => resolve(site)))
}

// newProfile is an empty profile but for the choice about third-party cookies.
function newProfile () {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-chromium-'))
  fs.mkdirSync(path.join(dir, 'Default'))
  const blocked = args.cookies === 'blocked'
  fs.writeFileSync(path.join(dir, 'Default', 'Preferences'), JSON.stringify({
    profile: { block_third_party_cookies: blocked, cookie_controls_mode: blocked ? 1 : 0 }
  }))
  return dir
}

function launch (profile) {
  return chromium.launchPersistentContext(profile, {
    executablePath: args.chromium,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'
    ]
  })
}

// visit opens the page, lets it run its clients and reports with the statuses
// that the browser saw. What the console complains about is an event too.
async function visit (browser, site) {
  const page = await browser.newPage()
  const statuses = {}
  page.on('response', res => {
    if (!res.url().startsWith(args.url)) return
    statuses[res.status()] = (statuses[res.status()] || 0) + 1
    if (res.status() >= 400) say('refused', { status: res.status(), method: res.request().method(), path: res.url() })
  })
  page.on('console', message => {
    if (message.type() === 'error') say('console', { message: message.text() })
  })
  await page.exposeFunction('say', say)
  await page.goto(site)
  const extraHeaders = args.preflight ? { 'X-Asks-First': '1' } : {}
  const work = [args.url, Number(args.count), args.mode, extraHeaders]
  const reports = await page.evaluate(work => window.runClients(...work), work)
  reports[0].statuses = statuses // of the whole page: a browser does not tell whose they are
  say('summary', { clients: reports })
}
