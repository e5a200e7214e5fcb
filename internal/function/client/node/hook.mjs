// SPDX-License-Identifier: Apache-2.0

// The resolution of paths.cjs for versions of Node that run hooks on a thread.

import { createRequire } from 'node:module'

const { resolveIn } = createRequire(import.meta.url)('./paths.cjs')

export async function resolve (specifier, context, next) {
  try {
    return await next(specifier, context)
  } catch (e) {
    const url = resolveIn(specifier, e)
    if (!url) throw e
    return next(url, context)
  }
}
