// SPDX-License-Identifier: Apache-2.0
'use strict'

// Wire is the socket to Forelane. The frames are described in package
// runtimeapi: length (4 bytes), kind (1 byte), body.

const fs = require('node:fs')
const net = require('node:net')

class Wire {
  constructor (fd, take) {
    this.take = take
    this.have = []
    this.size = 0
    this.need = 4
    this.fd = fd
    // One buffer for all reads: Node would make one of 64 KB for each.
    this.sock = new net.Socket({
      fd,
      readable: true,
      writable: true,
      onread: { buffer: Buffer.alloc(1 << 16), callback: (n, buffer) => { this.feed(buffer.subarray(0, n)); return true } }
    })
    this.sock.on('end', () => process.exit(0)) // Forelane is gone
    this.sock.on('error', () => process.exit(0))
  }

  // idle says whether an invocation runs: then the socket must not keep the
  // event loop alive.
  idle (running) {
    if (running) this.sock.unref()
    else this.sock.ref()
  }

  // feed takes bytes that are overwritten when it has returned.
  feed (chunk) {
    if (this.size === 0 && chunk.length >= 4 && chunk.readUInt32BE(0) + 4 === chunk.length) {
      this.frame(chunk)
      return
    }
    this.have.push(Buffer.from(chunk))
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
      this.frame(all.subarray(0, n))
    }
  }

  frame (b) {
    const k = b.readUInt32BE(5) + 9
    this.take(JSON.parse(b.toString('utf8', 9, k)), b.toString('utf8', k))
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
    if (then || n > 1 << 14 || this.sock.writableLength > 0) {
      this.sock.write(frame, then)
      return
    }
    let sent = 0 // a small frame needs none of the stream's machinery
    try {
      sent = fs.writeSync(this.fd, frame)
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e
    }
    if (sent < frame.length) this.sock.write(frame.subarray(sent))
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
