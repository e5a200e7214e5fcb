// SPDX-License-Identifier: Apache-2.0
'use strict'

const env = process.env
const functionName = env.AWS_LAMBDA_FUNCTION_NAME
const functionVersion = env.AWS_LAMBDA_FUNCTION_VERSION
const memoryLimitInMB = env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE
const logGroupName = env.AWS_LAMBDA_LOG_GROUP_NAME
const logStreamName = env.AWS_LAMBDA_LOG_STREAM_NAME

// Context is the second argument of a handler (the third of a streaming one).
class Context {
  #deadline
  constructor (head, callback, withCallbacks) {
    this.callbackWaitsForEmptyEventLoop = true
    this.functionVersion = functionVersion
    this.functionName = functionName
    this.memoryLimitInMB = memoryLimitInMB
    this.logGroupName = logGroupName
    this.logStreamName = logStreamName
    this.clientContext = head.client ? JSON.parse(head.client) : undefined
    this.identity = head.identity ? JSON.parse(head.identity) : undefined
    this.invokedFunctionArn = head.arn
    this.awsRequestId = head.id
    this.#deadline = head.deadline
    this.getRemainingTimeInMillis = () => Math.max(this.#deadline - Date.now(), 0)
    if (!withCallbacks) return
    const now = (err, value) => {
      this.callbackWaitsForEmptyEventLoop = false
      callback(err, value)
    }
    this.succeed = value => now(null, value)
    this.fail = err => now(err === undefined || err === null ? 'handled' : err)
    this.done = (err, value) => now(err, value)
  }
}

module.exports = { Context }
