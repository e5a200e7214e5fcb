// SPDX-License-Identifier: Apache-2.0
'use strict'

// The runtime client for Node.js: loads the handler, takes invocations from
// file descriptor 3 and answers them there.
//
// The flow: wire.cjs reads a frame and calls begin; begin runs the handler;
// settle sends the answer, which also asks for the next invocation. While an
// invocation runs the socket does not keep the process alive, so that
// 'beforeExit' tells when the event loop is empty: that is when a callback
// handler's answer goes out, and what ends a handler that will never answer.

const { Wire } = require('./wire.cjs')
const { Context } = require('./context.cjs')
const { describe, detail } = require('./error.cjs')
const log = require('./console.cjs')
const stream = require('./stream.cjs')

const wire = new Wire(3, begin)
const major = Number((/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV || '') || [])[1] || 0)

let handler // set once it is loaded
let trace // of the invocation before
let run = null // the invocation that runs: {id, context, done, held, out}

function begin (head, payload) {
  const r = { id: head.id, context: null, done: false, held: null, out: null }
  run = r
  wire.idle(true)
  log.request(head.id)
  if (head.trace !== trace) {
    trace = head.trace
    if (trace) process.env._X_AMZN_TRACE_ID = trace
    else delete process.env._X_AMZN_TRACE_ID
  }
  let event
  try {
    event = JSON.parse(payload)
  } catch (e) {
    fail(r, e)
    return
  }
  r.context = new Context(head, (err, value) => hold(r, err, value), major < 24)
  try {
    if (handler[stream.STREAMING]) beginStream(r, event)
    else beginCall(r, event)
  } catch (e) {
    fail(r, e)
  }
}

function beginCall (r, event) {
  const got = major < 24
    ? handler(event, r.context, (err, value) => hold(r, err, value))
    : handler(event, r.context)
  if (got != null && typeof got.then === 'function') got.then(v => answer(r, v), e => fail(r, e))
  else if (major >= 24) answer(r, got)
}

function beginStream (r, event) {
  r.out = new stream.ResponseStream(wire)
  const finished = new Promise((resolve, reject) => {
    r.out.on('finish', resolve)
    r.out.on('error', reject)
  })
  Promise.resolve(handler(event, r.out, r.context)).then(() => finished).then(() => {
    settle(r, () => wire.write('Z'))
  }).catch(e => fail(r, e))
}

// hold keeps a callback's answer until the event loop is empty, unless the
// handler said that it need not be.
function hold (r, err, value) {
  if (r.done || r.held) return
  r.held = () => (err != null ? fail(r, err) : answer(r, value))
  if (!r.context.callbackWaitsForEmptyEventLoop) setImmediate(r.held)
}

function settle (r, send) {
  if (r.done) return
  r.done = true
  if (run === r) run = null
  wire.idle(false)
  send()
}

function answer (r, value) {
  if (r.done) return
  let text
  try {
    text = JSON.stringify(value === undefined ? null : value)
    if (text === undefined) text = 'null'
  } catch (e) {
    const err = new Error('Unable to stringify response body')
    err.name = 'Runtime.MarshalError'
    fail(r, err)
    return
  }
  settle(r, () => wire.write('R', text))
}

function fail (r, err) {
  if (r.done) return
  log.problem('Invoke Error', detail(err))
  const object = describe(err)
  settle(r, () => wire.fail(r.out && r.out.started ? 'F' : 'E', object))
  if (r.out) r.out.destroy() // what the handler still writes belongs to nobody
}

process.on('beforeExit', () => {
  if (!run) return
  if (run.held) run.held()
  else if (run.out) fail(run, exited())
  else answer(run, null)
})

function exited () {
  const e = new Error('the handler ended and its response stream did not')
  e.name = 'Runtime.StreamError'
  return e
}

// fatal ends the process: after an error that nobody caught its state is
// unknown. The invocation that runs gets the error.
function fatal (title, err, object) {
  log.problem(title, detail(err))
  const r = run
  if (!r || r.done) {
    process.exit(129)
    return
  }
  settle(r, () => wire.fail(r.out && r.out.started ? 'F' : 'U', object, () => process.exit(129)))
}

process.on('uncaughtException', err => fatal('Uncaught Exception', err, describe(err)))

process.on('unhandledRejection', (reason, promise) => {
  const err = new Error(String(reason))
  err.name = 'Runtime.UnhandledPromiseRejection'
  err.reason = reason
  const object = describe(err)
  object.reason = reason instanceof Error ? describe(reason) : reason
  object.promise = {}
  if (reason instanceof Error && reason.stack) err.stack = `${err.name}: ${reason.stack}`
  object.trace = String(err.stack).split('\n')
  fatal('Unhandled Promise Rejection', err, object)
})

async function main () {
  globalThis.awslambda = stream.library
  try {
    handler = await require('./load.cjs').load(process.env.LAMBDA_TASK_ROOT || process.cwd(), process.env._HANDLER || '')
    if (major >= 24 && !handler[stream.STREAMING] && handler.length >= 3) {
      const e = new Error('callback handlers ended with nodejs24.x: make the handler async, or return a promise')
      e.name = 'Runtime.CallbackHandlerDeprecated'
      throw e
    }
  } catch (e) {
    log.problem('Uncaught Exception', detail(e))
    wire.fail('X', describe(e), () => process.exit(1))
    return
  }
  wire.write('N')
}

main()
