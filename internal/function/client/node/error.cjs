// SPDX-License-Identifier: Apache-2.0
'use strict'

const { types } = require('node:util')

const isError = e => e instanceof Error || types.isNativeError(e)

// describe makes the error object that the caller gets.
function describe (e) {
  if (isError(e)) {
    return {
      errorType: String(e.name || 'Error'),
      errorMessage: String(e.message),
      trace: e.stack ? String(e.stack).split('\n') : []
    }
  }
  return { errorType: e === null ? 'object' : typeof e, errorMessage: String(e), trace: [] }
}

// detail is what the log says of it: what the error carries is added.
function detail (e) {
  if (!isError(e)) return describe(e)
  return {
    errorType: String(e.name || 'Error'),
    errorMessage: String(e.message),
    ...e,
    stack: e.stack ? String(e.stack).split('\n') : []
  }
}

module.exports = { describe, detail, isError }
