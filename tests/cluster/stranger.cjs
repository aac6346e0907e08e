// What a program of a user may try: sends every request of /in/requests.json, and keeps how each was answered.
const { readFileSync, writeFileSync } = require('node:fs')

const ask = async ({ url, ...request }) => {
  try {
    const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(90_000) })
    await answer.text()
    return answer.status
  } catch (error) {
    return error.cause?.code ?? error.name
  }
}

Promise.all(JSON.parse(readFileSync('/in/requests.json', 'utf8')).map(ask)).then((answers) =>
  writeFileSync('/out/answers.json', JSON.stringify(answers)),
)
