import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { idOf } from '#shared/client/wire-samples.ts'
import { until } from '#tests/support/until.ts'
import { described } from './described.ts'
import { startTimeOf } from './running.ts'
import { root } from './root.ts'
import { askingNobody, knit, projectFor, serverThat, tempDir } from './testing.ts'

// D is the id of a data, P that of a plan, R that of a run.
const asking = [
  'init given',
  'login',
  'data find',
  'data push set',
  'data pull D',
  'data pull D out --extract',
  'data pull D -',
  'data show D',
  'data ls D',
  'data cat D a',
  'data tag D --add a:b',
  'data lineage D',
  'plan apply plan.yaml',
  'plan apply plan.yaml --dry-run',
  'plan find',
  'plan show P',
  'plan usage P',
  'plan active yes P',
  'plan active yes P --allow 8',
  'plan resource P --set cpu=1',
  'plan annotate P --add a=b',
  'plan serviceaccount P --set a',
  'plan graph P',
  'run find',
  'run show R',
  'run show R --history',
  'run show R --log',
  'run show R --log --follow',
  'run wait R',
  'run wait --planid P',
  'run wait --in-knitid D --timeout 1h',
  'run stop R',
  'run retry R',
  'run rm R',
  'explain P --data D',
  'admin check',
  'admin events',
  'admin events replay e1',
  'admin events drop e1',
  'admin hooks',
  'admin token create ci --role user',
  'admin token list',
  'admin token revoke ci',
  'admin audit',
  'admin garbage',
  'whoami',
  'version --server',
]

const names = (await described(root)).map(({ name }) => name.replace(/^knit /, ''))

test.each(names)('knit %s is interrupted below, unless it asks nobody', (name) => {
  const isTried = asking.some((line) => `${line} `.startsWith(`${name} `))
  expect(isTried).toBe(!askingNobody.includes(name))
})

test.each(asking)('Ctrl-C ends knit %s while it waits for its server', async (line) => {
  const interrupt = new AbortController()
  await using server = await serverThat(({ method }, response) => {
    if (method === 'OPTIONS') response.writeHead(204).end()
    else interrupt.abort()
  })
  const dir = projectFor(server)
  mkdirSync(join(dir, 'set'))
  writeFileSync(join(dir, 'set/a'), 'x')
  writeFileSync(join(dir, 'plan.yaml'), 'image: a/b:v1\n')
  writeFileSync(join(dir, 'given'), `apiRoot: ${server.apiRoot}\n`)
  const before = readdirSync(dir, { recursive: true }).toSorted()
  const words = line.split(' ').map((word) => (/^[DPR]$/.test(word) ? idOf(word) : word))
  const { code, stdout } = await knit(words, dir, { signal: interrupt.signal })
  const after = readdirSync(dir, { recursive: true }).toSorted()
  expect({ code, stdout, after }).toEqual({ code: 130, stdout: '', after: before })
})

test.each([
  'init given --token-file -',
  'login --token-file -',
  'data push -',
  'plan apply -',
  'plan template',
])('Ctrl-C ends knit %s while it waits for what is typed', async (line) => {
  const interrupt = new AbortController()
  const stdin = new Readable({ read: () => interrupt.abort() })
  const dir = projectFor({ apiRoot: 'http://127.0.0.1:1/api' })
  writeFileSync(join(dir, 'given'), 'apiRoot: http://127.0.0.1:2/api\n')
  const before = readdirSync(dir).toSorted()
  const { code } = await knit(line.split(' '), dir, { stdin, signal: interrupt.signal })
  expect({ code, after: readdirSync(dir).toSorted() }).toEqual({ code: 130, after: before })
})

test.runIf(process.platform === 'linux')(
  'Ctrl-C ends a start in the background, of which the system does not answer',
  async () => {
    const interrupt = new AbortController()
    const dir = tempDir()
    // It tells where it is, and answers nothing.
    const program = `
    const { readFileSync, writeFileSync } = require('node:fs')
    const home = process.argv.at(process.argv.indexOf('--home') + 1)
    const server = require('node:http').createServer(() => writeFileSync(home + '/asked', ''))
    server.listen(0, '127.0.0.1', () => {
      const startTime = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[19]
      const apiRoot = 'http://127.0.0.1:' + server.address().port + '/api'
      writeFileSync(home + '/knitprofile', 'apiRoot: ' + apiRoot)
      const running = { pid: process.pid, startTime, apiRoot, engine: 'sandbox', home, startedAt: '' }
      writeFileSync(home + '/local.json', JSON.stringify(running))
    })`
    const file = join(dir, 'program.cjs')
    writeFileSync(file, program)
    const localProgram = [process.execPath, file]
    const home = join(dir, 'no-home')
    const start = knit(['local', 'start', '--detach'], dir, {
      localProgram,
      signal: interrupt.signal,
    })
    await until(() => existsSync(join(home, 'asked')))
    const { pid } = JSON.parse(readFileSync(join(home, 'local.json'), 'utf8'))
    interrupt.abort()
    expect((await start).code).toBe(130)
    await until(() => startTimeOf(pid) === undefined)
  },
)
