// SPDX-License-Identifier: Apache-2.0
'use strict'

// Finds a handler: "folder/file.function", "file.a.b.function". The file may
// be .js, .mjs or .cjs; a .js is an ES module when its package.json says so.

const fs = require('node:fs')
const path = require('node:path')
const module_ = require('node:module')
const { pathToFileURL } = require('node:url')

function typed (name, message, cause) {
  const e = new Error(message)
  e.name = name
  if (cause && cause.stack) e.stack = `${name}: ${message}\n${String(cause.stack).split('\n').filter(l => /^\s+at /.test(l)).join('\n')}`
  return e
}

function split (handler) {
  const base = path.posix.basename(handler)
  const m = /^([^.]*)\.(.+)$/.exec(base)
  if (!m || handler.includes('..')) throw typed('Runtime.MalformedHandlerName', `Bad handler: ${handler}`)
  return { file: handler.slice(0, handler.length - base.length) + m[1], name: m[2] }
}

function find (root, file) {
  const base = path.resolve(root, file)
  for (const ext of ['.js', '.mjs', '.cjs', '']) {
    try {
      if (fs.statSync(base + ext).isFile()) return base + ext
    } catch {}
  }
  return null
}

function isModule (file) {
  const ext = path.extname(file)
  if (ext !== '.js') return ext === '.mjs'
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')).type === 'module'
    } catch (e) {
      if (e.code !== 'ENOENT' && e.code !== 'ENOTDIR') return false
    }
    if (dir === path.dirname(dir)) return false
  }
}

// searchPaths lets ES modules see NODE_PATH, as they see the layers and the
// SDK on Lambda; Node itself gives it to CommonJS only.
function searchPaths () {
  if (!process.env.NODE_PATH) return
  if (module_.registerHooks) {
    const { resolveIn } = require('./paths.cjs')
    module_.registerHooks({
      resolve (specifier, context, next) {
        try {
          return next(specifier, context)
        } catch (e) {
          const url = resolveIn(specifier, e)
          if (!url) throw e
          return next(url, context)
        }
      }
    })
  } else if (module_.register) {
    module_.register('./hook.mjs', pathToFileURL(__filename))
  }
}

async function load (root, handler) {
  const { file, name } = split(handler)
  const found = find(root, file)
  if (!found) throw typed('Runtime.ImportModuleError', `Error: Cannot find module '${path.basename(file)}' (looked for .js, .mjs and .cjs in ${path.dirname(path.resolve(root, file))})`)
  let m
  try {
    if (isModule(found)) {
      searchPaths()
      m = await import(pathToFileURL(found).href)
    } else {
      m = require(found)
    }
  } catch (e) {
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) throw typed('Runtime.ImportModuleError', `Error: ${e.message}`, e)
    if (e instanceof SyntaxError) throw typed('Runtime.UserCodeSyntaxError', `SyntaxError: ${e.message}`, e)
    throw e
  }
  return pick(m, name, handler)
}

function pick (m, name, handler) {
  const from = o => name.split('.').reduce((v, k) => (v == null ? undefined : v[k]), o)
  let f = from(m)
  if (f === undefined && m && m.default) f = from(m.default)
  if (f === undefined || f === null) throw typed('Runtime.HandlerNotFound', `${handler} is undefined or not exported`)
  if (typeof f !== 'function') throw typed('Runtime.HandlerNotFound', `${handler} is not a function`)
  return f
}

module.exports = { load }
