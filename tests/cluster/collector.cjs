// Takes what it is sent by OTLP over HTTP, and prints each message as a line of JSON.
const { createServer } = require('node:http')
const { json } = require('node:stream/consumers')

createServer(async (request, response) => {
  if (request.method !== 'POST') return response.end()
  console.log(JSON.stringify(await json(request)))
  response.setHeader('content-type', 'application/json').end('{}')
}).listen(process.env.PORT)
