// SPDX-License-Identifier: Apache-2.0
'use strict'

const { createRequire, isBuiltin } = require('node:module')
const { pathToFileURL } = require('node:url')

const require_ = createRequire(__filename)

// resolveIn finds a package in NODE_PATH when Node did not find it (e says
// so); null when it is not there either.
function resolveIn (specifier, e) {
  if (!e || e.code !== 'ERR_MODULE_NOT_FOUND' || /^(\.|\/|[a-z]+:)/.test(specifier) || isBuiltin(specifier)) return null
  try {
    return pathToFileURL(require_.resolve(specifier)).href // a CommonJS resolution: it knows NODE_PATH
  } catch {
    return null
  }
}

module.exports = { resolveIn }
