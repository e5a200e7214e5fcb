// SPDX-License-Identifier: Apache-2.0
'use strict'

// Response streaming: awslambda.streamifyResponse marks a handler, which then
// gets a stream as its second argument; HttpResponseStream.from puts a head
// (JSON and eight NUL bytes) before the body.

const { Writable } = require('node:stream')

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HTTP = 'application/vnd.awslambda.http-integration-response'

class ResponseStream extends Writable {
  constructor (wire) {
    super({ highWaterMark: 64 * 1024 })
    this.wire = wire
    this.started = false
    this.contentType = ''
    this.head = null
  }

  setContentType (type) {
    if (this.started) throw new Error('the content type must be set before the first write')
    this.contentType = type
  }

  start () {
    if (this.started) return
    this.started = true
    this.wire.write('S', this.contentType)
    if (this.head) this.wire.write('D', Buffer.concat([Buffer.from(this.head), Buffer.alloc(8)]))
  }

  _write (chunk, encoding, done) {
    this.start()
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    this.wire.write('D', bytes, done) // done when the kernel took it: the viewer sets the pace
  }

  _final (done) {
    this.start()
    done()
  }
}

const library = {
  streamifyResponse (handler, options) {
    handler[STREAMING] = (options && options.highWaterMark) || true
    return handler
  },
  HttpResponseStream: {
    from (stream, metadata) {
      stream.setContentType(HTTP)
      stream.head = JSON.stringify(metadata === undefined ? {} : metadata)
      return stream
    }
  }
}

module.exports = { STREAMING, ResponseStream, library }
