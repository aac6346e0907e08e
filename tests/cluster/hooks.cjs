// Answers hooks, and prints every call as a line of JSON. It does not agree with a start before it was asked as often as the plan's
// annotation `refusals` says, and gives the program a variable.
const { createServer } = require('node:http')
const { json } = require('node:stream/consumers')

const asked = new Map()

createServer(async (request, response) => {
  if (request.method !== 'POST') return response.end()
  const run = await json(request)
  const hook = request.headers['knit-hook']
  const count = asked.get(run.runId + hook) ?? 0
  asked.set(run.runId + hook, count + 1)
  const refusals = /^refusals=(\d+)$/m.exec((run.plan.annotations ?? []).join('\n'))?.[1] ?? 0
  const agrees = hook !== 'before starting' || count >= refusals
  console.log(JSON.stringify({ hook, runId: run.runId, agrees }))
  response.writeHead(agrees ? 200 : 503, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ knitfabExtension: { env: { KNIT_TEST_WORD: 'by a hook' } } }))
}).listen(process.env.PORT)
