// SPDX-License-Identifier: Apache-2.0
'use strict'

// console.log and its sisters, in Lambda's two formats:
//   text   time<tab>request id<tab>LEVEL<tab>message
//   JSON   {"timestamp":…,"level":…,"requestId":…,"message":…}

const { format } = require('node:util')
const { isError } = require('./error.cjs')

const json = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON'
const levels = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 }
const least = (json && levels[(process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()]) || 0

let id

function line (level, args) {
  const time = new Date().toISOString()
  if (!json) return `${time}\t${id}\t${level}\t${format(...args)}\n`
  const out = { timestamp: time, level, requestId: id }
  if (args.length === 1 && isError(args[0])) {
    const e = args[0]
    out.message = { errorType: e.name, errorMessage: e.message, ...e, stackTrace: String(e.stack).split('\n') }
  } else if (args.length === 1 && args[0] !== null && typeof args[0] === 'object') {
    out.message = args[0]
  } else {
    out.message = format(...args)
    const e = args.find(isError)
    if (e) {
      out.errorType = e.name
      out.errorMessage = e.message
      out.stackTrace = String(e.stack).split('\n').slice(1)
    }
  }
  try {
    return JSON.stringify(out) + '\n'
  } catch {
    out.message = format(...args)
    return JSON.stringify(out) + '\n'
  }
}

function print (level, args) {
  if (levels[level] >= least) process.stdout.write(line(level, args))
}

console.log = (...a) => print('INFO', a)
console.info = (...a) => print('INFO', a)
console.debug = (...a) => print('DEBUG', a)
console.warn = (...a) => print('WARN', a)
console.error = (...a) => print('ERROR', a)
console.fatal = (...a) => print('FATAL', a)
console.trace = (...a) => {
  const at = {}
  Error.captureStackTrace(at, console.trace)
  print('TRACE', [`Trace: ${format(...a)}\n${String(at.stack).split('\n').slice(1).join('\n')}`])
}

// problem logs an error object under a title.
function problem (title, object) {
  let text
  try {
    text = JSON.stringify(object)
  } catch {
    text = JSON.stringify({ errorType: object.errorType, errorMessage: object.errorMessage, stack: object.stack })
  }
  if (json) print('ERROR', [JSON.parse(text)])
  else process.stdout.write(`${new Date().toISOString()}\t${id}\tERROR\t${title} \t${text}\n`)
}

module.exports = { problem, request: now => { id = now } }
