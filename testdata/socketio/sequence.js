'use strict'
// Numbered messages, as their receiver sees them. Runs in Node and in browsers.

// text is what message n says besides its number: characters of one to four
// bytes in UTF-8, because framings count lengths in characters or in bytes.
function text (n) {
  return `message ${n}: a é € 😀`
}

// Sequence checks that messages 1, 2, 3, … arrive once each, in order, intact.
class Sequence {
  constructor () {
    this.seen = new Set()
    this.highest = 0
    this.duplicated = 0
    this.reordered = 0
    this.garbled = 0
  }

  add (n, said) {
    if (said !== text(n)) this.garbled++
    if (this.seen.has(n)) {
      this.duplicated++
      return
    }
    if (n < this.highest) this.reordered++
    this.seen.add(n)
    this.highest = Math.max(this.highest, n)
  }

  // report counts distinct messages in received, and in missed those that did not come before a later one.
  report () {
    const { duplicated, reordered, garbled } = this
    return { received: this.seen.size, missed: this.highest - this.seen.size, duplicated, reordered, garbled }
  }
}

if (typeof module !== 'undefined') module.exports = { Sequence, text }
