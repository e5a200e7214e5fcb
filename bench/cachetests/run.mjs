// SPDX-License-Identifier: Apache-2.0

// Runs the suite in folder argv[2] against the edge at argv[3], with h2 as
// argv[4] in HTTP/2, and prints [id, kind, outcome, message] a test as JSON.
// The suite's own runner asks, judges and counts; its undici does the asking.

import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, base, proto] = process.argv.slice(2)
const load = name => import(pathToFileURL(join(resolve(suite), name)))
const undici = createRequire(join(resolve(suite), 'package.json'))('undici')

const agent = new undici.Agent({ allowH2: proto === 'h2' })
globalThis.fetch = (url, init) => undici.fetch(url, { dispatcher: agent, ...init })
globalThis.Headers = undici.Headers

const { runTests, getResults } = await load('test-engine/client/runner.mjs')
const { determineTestResult, resultTypes } = await load('test-engine/lib/results.mjs')
const suites = (await load('tests/index.mjs')).default
console.log = console.error // the suite's remarks are no results

await runTests(suites, false, base)
const results = getResults()
const name = outcome => Object.keys(resultTypes).find(k => resultTypes[k] === outcome)
const rows = suites.flatMap(s => s.tests)
  .filter(t => t.id in results)
  .map(t => [t.id, t.kind ?? 'required', name(determineTestResult(suites, t.id, results)), results[t.id][1] ?? ''])
process.stdout.write(JSON.stringify(rows) + '\n', () => process.exit(0))
