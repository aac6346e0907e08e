import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor } from './testing.ts'

const upload = sampleRun('u1', { outputs: [['/upload', 'd1']] })
const found = [sampleData('d1', upload, [], ['type:a', 'yes:no']), sampleData('d2', upload)]
const plan = samplePlan('p1', { annotations: ['owner=ann'] })

/** What `data find` prints in a format. */
async function asFound(format: string, things: unknown[] = found): Promise<string> {
  await using stub = await stubOfTheWire(() => ({ json: things }))
  return (await knit(['data', 'find', '--output', format], projectFor(stub))).stdout
}

test('a list is an array in JSON, and the same sequence in YAML', async () => {
  expect(JSON.parse(await asFound('json'))).toEqual(found)
  expect(parse(await asFound('yaml'))).toEqual(found)
  expect(await asFound('yaml')).toMatch(/^- knitId: .*\n {2}tags:\n/)
})

test('what would do something to a terminal is escaped in JSON, which stays the same', async () => {
  const hostile = { ...plan, annotations: ['a=\u009b2J\u007f\u202e<\u2028'] }
  await using stub = await stubOfTheWire(() => ({ json: hostile }))
  const { stdout } = await knit(['plan', 'show', plan.planId], projectFor(stub))
  expect(stdout).toContain('"a=\\u009b2J\\u007f\\u202e\\u003c\\u2028"')
  expect(JSON.parse(stdout)).toEqual(hostile)
})

test('what others say of an error, or of why a run is where it is, does nothing to a terminal', async () => {
  const said = '\u001b]0;x\u0007no\u009b31m'
  const shown = '\\u001b]0;x\\u0007no\\u009b31m'
  await using proxy = await stubOfTheWire(() => ({ status: 500, body: said }))
  const refused = await knit(['plan', 'show', plan.planId], projectFor(proxy))
  expect(refused.stderr).toContain(`: ${shown} (HTTP 500)\ntry: `)
  const waiting = { ...upload, status: 'waiting', reason: said }
  const runs = [waiting, { ...waiting, status: 'failed' }]
  await using stub = await stubOfTheWire(() => ({ json: runs.shift() }))
  const waited = await knit(['run', 'wait', upload.runId], projectFor(stub))
  expect(waited.stderr).toContain(`waiting: ${shown}\n`)
  expect(waited.stderr).toContain(`failed: ${shown}\ntry: `)
})

test('names are those in the first column of the table, one on a line, for other commands', async () => {
  expect(await asFound('name')).toBe(`${idOf('d1')}\n${idOf('d2')}\n`)
  expect(await asFound('table')).toMatch(
    new RegExp(`^KNIT ID .*\n${idOf('d1')} .*\n${idOf('d2')} `),
  )
})

test('columns stand below each other, whatever script is in them', async () => {
  const images = ['image:1', '写真:1'].map((image, index) => samplePlan(`p${index}`, { image }))
  await using stub = await stubOfTheWire(() => ({ json: images }))
  const { stdout } = await knit(['plan', 'find', '--output', 'table'], projectFor(stub))
  expect(stdout).toContain('IMAGE    INPUTS')
  expect(stdout).toContain('image:1  /in')
  expect(stdout).toContain('写真:1   /in')
})

/** What a command prints of what it finds, as a table at a terminal so wide. */
async function atTerminal(columns: number, words: string[], things: unknown): Promise<string> {
  await using stub = await stubOfTheWire(() => ({ json: things }))
  let shown = ''
  const terminal = new Writable({
    write(chunk, _, done) {
      shown += chunk
      done()
    },
  })
  const stdout = Object.assign(terminal, { isTTY: true, columns })
  await knit([...words, '--output', 'table'], projectFor(stub), { stdout })
  return shown
}

function twoDaysLater(): void {
  vi.useFakeTimers({ now: new Date('2025-01-04T03:04:05.678Z'), toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
}

test('at a terminal a table tells how long ago things were, and cuts its last column to fit', async () => {
  twoDaysLater()
  const tags = ['type:a', 'yes:no', 'note:a sentence']
  const things = [sampleData('d1', upload, [], tags), sampleData('d2', upload)]
  const shownAt = (columns: number) => atTerminal(columns, ['data', 'find'], things)
  const whole =
    `KNIT ID                               TIMESTAMP  STATE  TAGS\n` +
    `${idOf('d1')}  2 d ago    ready  type:a, yes:no, note:a sentence\n` +
    `${idOf('d2')}  2 d ago    ready\n`
  for (const columns of [87, 0]) expect(await shownAt(columns)).toBe(whole)
  expect(await shownAt(80)).toBe(whole.replace('sentence', '…'))
  // Where hardly any of it would be left.
  expect(await shownAt(60)).toBe(
    `KNIT ID                               TIMESTAMP  STATE\n` +
      `  TAGS\n` +
      `${idOf('d1')}  2 d ago    ready\n` +
      `  type:a, yes:no, note:a sentence\n` +
      `${idOf('d2')}  2 d ago    ready\n`,
  )
  // Where it wraps anyway, all of it is told.
  expect(await shownAt(40)).toBe(whole)
})

test('at a terminal of 80 columns every run has its line, and why it is there below', async () => {
  twoDaysLater()
  const times = { startedAt: '2025-01-02T03:04:01+00:00', endedAt: '2025-01-02T03:04:02.5+00:00' }
  const image = 'registry.example.com:5000/team/train:v1'
  const done = { ...sampleRun('r1', {}), ...times, plan: { ...upload.plan, image } }
  const reason = `its program ended with exit code 3: ${'a long story '.repeat(9)}`
  const failed = { ...done, runId: idOf('r2'), status: 'failed', reason }
  const words = ['run', 'find']
  const shown = await atTerminal(80, words, [done, failed])
  expect(`\n${shown}`).toMatchInlineSnapshot(`
    "
    RUN ID                                STATUS  UPDATED  TOOK    IMAGE
      WHY
    00000000-0000-4000-8000-000000007231  done    2 d ago  1.50 s  …00/team/train:v1
    00000000-0000-4000-8000-000000007232  failed  2 d ago  1.50 s  …00/team/train:v1
      its program ended with exit code 3: a long story a long story a long story a …
    "
  `)
  expect(Math.max(...shown.split('\n').map((line) => line.length))).toBe(80)
  const wide = await atTerminal(160, words, [done, failed])
  expect(wide).toMatch(/\/team\/train:v1 {2}its program ended with exit code 3: a.*…\n/)
})

test('what a run has been through is no wider than a terminal either', async () => {
  const at = '2025-01-02T03:04:05+00:00'
  const reason = 'no machine has room for it, and that may take a while'
  const move = { attempt: 1, from: 'ready', status: 'waiting', at, by: 'start-run', reason }
  const attempt = { attempt: 1, image: `reg.test/train@sha256:${'0'.repeat(64)}`, startedAt: at }
  const history = { runId: upload.runId, moves: [move], attempts: [attempt], milestones: [] }
  const run = { ...upload, attempts: [attempt] }
  for (const [flags, thing] of [
    [[], run],
    [['--history'], history],
  ] as const) {
    const shown = await atTerminal(80, ['run', 'show', upload.runId, ...flags], thing)
    expect(Math.max(...shown.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(shown).toContain('reg.test/train')
  }
})

test('where nothing was found there is an empty list, a title, or nothing', async () => {
  const formats = ['json', 'yaml', 'table', 'name']
  expect(await Promise.all(formats.map((format) => asFound(format, [])))).toEqual([
    '[]\n',
    '[]\n',
    'KNIT ID  TIMESTAMP  STATE  TAGS\n',
    '',
  ])
})

test('one thing is a mapping in YAML, and its id is its name', async () => {
  await using stub = await stubOfTheWire(() => ({ json: plan }))
  const dir = projectFor(stub)
  const shown = async (format: string) =>
    (await knit(['plan', 'show', plan.planId, '--output', format], dir)).stdout
  expect(parse(await shown('yaml'))).toEqual(plan)
  expect(await shown('name')).toBe(`${plan.planId}\n`)
})

test('a run, and its history, can be had in every format', async () => {
  const history = { runId: upload.runId, moves: [], attempts: [], milestones: [] }
  await using stub = await stubOfTheWire(({ url }) => ({
    json: url.endsWith('/history') ? history : upload,
  }))
  const dir = projectFor(stub)
  const shown = async (...words: string[]) =>
    (await knit(['run', 'show', upload.runId, ...words], dir)).stdout
  expect(parse(await shown('--output', 'yaml'))).toEqual(upload)
  expect(await shown('--output', 'name')).toBe(`${upload.runId}\n`)
  expect(parse(await shown('--history', '--output', 'yaml'))).toEqual(history)
})

test('several results are documents one after another, and one table', async () => {
  await using stub = await stubOfTheWire(() => ({ json: found[0] }))
  const dir = projectFor(stub)
  mkdirSync(join(dir, 'set'))
  writeFileSync(join(dir, 'set/a'), '')
  const pushed = async (format: string) =>
    (await knit(['data', 'push', 'set', 'store', '--output', format], dir)).stdout
  const documents = parseAllDocuments(await pushed('yaml')).map((document) => document.toJS())
  expect(documents).toEqual([found[0], found[0]])
  expect(await pushed('name')).toBe(`${idOf('d1')}\n`.repeat(2))
  expect((await pushed('table')).match(/^KNIT ID/gm)).toHaveLength(1)
})

test('--quiet leaves results and errors', async () => {
  await using stub = await stubOfTheWire(({ method }) =>
    method === 'GET' ? { status: 404, json: { message: 'not found' } } : { status: 204 },
  )
  const dir = projectFor(stub)
  const quiet = await knit(['--quiet', 'run', 'rm', idOf('r1')], dir)
  expect(quiet).toEqual({ code: 0, stdout: '', stderr: '' })
  expect((await knit(['run', 'rm', idOf('r1')], dir)).stderr).not.toBe('')
  const failed = await knit(['run', 'show', '-q', idOf('r1')], dir)
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('not found') })
})
