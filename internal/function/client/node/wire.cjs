// SPDX-License-Identifier: Apache-2.0
'use strict'

// Wire is the socket to Forelane. The frames are described in package
// runtimeapi: length (4 bytes), kind (1 byte), body.

const net = require('node:net')

class Wire {
  constructor (fd, take) {
    this.take = take
    this.have = []
    this.size = 0
    this.need = 4
    this.sock = new net.Socket({ fd, readable: true, writable: true })
    this.sock.on('data', chunk => this.feed(chunk))
    this.sock.on('end', () => process.exit(0)) // Forelane is gone
    this.sock.on('error', () => process.exit(0))
  }

  // idle says whether an invocation runs: then the socket must not keep the
  // event loop alive.
  idle (running) {
    if (running) this.sock.unref()
    else this.sock.ref()
  }

  feed (chunk) {
    this.have.push(chunk)
    this.size += chunk.length
    while (this.size >= this.need) {
      const all = this.have.length === 1 ? this.have[0] : Buffer.concat(this.have)
      const n = 4 + all.readUInt32BE(0)
      if (all.length < n) {
        this.have = [all]
        this.need = n
        return
      }
      const rest = all.subarray(n)
      this.have = rest.length ? [rest] : []
      this.size = rest.length
      this.need = 4
      const k = all.readUInt32BE(5)
      this.take(JSON.parse(all.toString('utf8', 9, 9 + k)), all.subarray(9 + k, n))
    }
  }

  // write sends one frame; body is a string or a Buffer.
  write (kind, body, then) {
    const isText = typeof body === 'string'
    const n = body === undefined ? 0 : isText ? Buffer.byteLength(body) : body.length
    const frame = Buffer.allocUnsafe(5 + n)
    frame.writeUInt32BE(n + 1, 0)
    frame[4] = kind.charCodeAt(0)
    if (isText) frame.write(body, 5)
    else if (n) body.copy(frame, 5)
    return this.sock.write(frame, then)
  }

  fail (kind, object, then) {
    let text
    try {
      text = JSON.stringify(object)
    } catch {
      text = JSON.stringify({ errorType: object.errorType, errorMessage: object.errorMessage, trace: object.trace })
    }
    this.write(kind, `${object.errorType}\0${text}`, then)
  }
}

module.exports = { Wire }
