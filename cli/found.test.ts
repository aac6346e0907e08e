import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { stubOfTheWire, type Seen } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import { json } from './output.ts'
import { knit, projectFor, serverThat } from './testing.ts'

const many = 2500
const timeOf = (at: number): string => new Date(1735689600000 + at * 1000).toISOString()

/** Runs, the newest first. */
const runs = Array.from({ length: many }, (_, at) =>
  sampleRun(`${many - at}`, {}, { updatedAt: timeOf(many - at) }),
)
const upload = sampleRun('u1', {})
const data = Array.from({ length: 500 }, (_, at) => {
  const name = String(9999 - at)
  const tags = at % 100 === 7 ? ['knit#transient:failed'] : []
  return { ...sampleData(name, upload), tags: [`knit#timestamp:${timeOf(500 - at)}`, ...tags] }
})

const queryOf = ({ url }: Seen) => Object.fromEntries(new URL(url, 'http://h').searchParams)

/** A page of a list, as servers answer that know pages. */
function pageOf<T>(list: T[], idOf: (thing: T) => string, asked: Seen): { json: T[] } {
  const { limit, after } = queryOf(asked)
  const from = list.findIndex((thing) => idOf(thing) === after) + 1
  return { json: list.slice(from, from + Number(limit)) }
}

const pagesOfRuns = (asked: Seen) => pageOf(runs, ({ runId }) => runId, asked)

test('--limit asks for the newest alone, page after page, and prints them as one list', async () => {
  await using stub = await stubOfTheWire(pagesOfRuns)
  const dir = projectFor(stub)
  const { stdout } = await knit(['run', 'find', '--limit', '2300', '--status', 'done'], dir)
  expect(stdout).toBe(`${json(runs.slice(0, 2300))}\n`)
  expect(stub.requests.map(queryOf)).toEqual([
    { status: 'done', limit: '1000' },
    { status: 'done', limit: '1000', after: idOf(`${many - 999}`) },
    { status: 'done', limit: '300', after: idOf(`${many - 1999}`) },
  ])
})

test('a page is asked for behind what the one before says, and what comes once more is printed once', async () => {
  const [a, b, c] = data
  const pages = [{ json: [a, b], headers: { 'knit-after': 'a place' } }, { json: [b, c] }]
  await using stub = await stubOfTheWire(() => pages.shift() ?? 'hang up')
  const words = ['data', 'find', '--limit', '5', '--output', 'name']
  const { stdout } = await knit(words, projectFor(stub))
  expect(stdout).toBe([a, b, c].map((one) => `${one?.knitId}\n`).join(''))
  expect(stub.requests.map(queryOf)).toEqual([{ limit: '5' }, { limit: '3', after: 'a place' }])
})

test.each(['json', 'yaml', 'table', 'name'])(
  'as %s they are printed as any list is, also when there are none',
  async (format) => {
    const found = async (list: unknown[], ...more: string[]) => {
      await using stub = await stubOfTheWire(() => ({ json: list }))
      const words = ['run', 'find', '--output', format, ...more]
      return (await knit(words, projectFor(stub))).stdout
    }
    for (const list of [runs.slice(0, 3), runs.slice(0, 1), []])
      expect(await found(list, '--limit', '10')).toBe(await found(list))
  },
)

test('what has come is printed before more is asked for', async () => {
  let stdout = ''
  const before: number[] = []
  await using stub = await stubOfTheWire((asked) => {
    before.push(stdout.split('\n').length - 1)
    return pagesOfRuns(asked)
  })
  const written = new Writable({
    write(chunk, _, done) {
      stdout += chunk
      done()
    },
  })
  const words = ['run', 'find', '--limit', '2300', '--output', 'name']
  await knit(words, projectFor(stub), { stdout: written })
  expect(before).toEqual([0, 1000, 2000])
})

test.each(['run', 'data', 'plan'])(
  'all there is is printed as it comes, and a list that breaks off is no whole one: %s find',
  async (noun) => {
    const thing = { run: runs[0], data: data[0], plan: samplePlan('p1') }[noun]
    const printed = Promise.withResolvers<void>()
    let stdout = ''
    const written = new Writable({
      write(chunk, _, done) {
        stdout += chunk
        if (stdout.includes('Id"')) printed.resolve()
        done()
      },
    })
    await using server = await serverThat((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(`[${JSON.stringify(thing)},`)
      void printed.promise.then(() => response.destroy())
    })
    const { code, stderr } = await knit([noun, 'find'], projectFor(server), { stdout: written })
    expect(code).toBe(1)
    expect(stderr).toContain('the connection broke before the answer was complete')
    expect(stdout).toBe(json([thing]).replace(/\n\]$/, ''))
  },
)

test('data that are not wanted do not count', async () => {
  await using stub = await stubOfTheWire((asked) => pageOf(data, ({ knitId }) => knitId, asked))
  const dir = projectFor(stub)
  const words = ['data', 'find', '--transient', 'yes', '--output', 'name', '--limit']
  const failed = [7, 107, 207].map((at) => `${data[at]?.knitId}\n`)
  expect((await knit([...words, '3'], dir)).stdout).toBe(failed.join(''))
  expect(stub.requests).toHaveLength(3)
  expect((await knit([...words, '9'], dir)).stdout.match(/\n/g)).toHaveLength(5)
})

test('from a server that knows no pages and sends all, the newest last, it is the same', async () => {
  const plans = ['p1', 'p2', 'p3'].map((name) => samplePlan(name))
  const lists: Record<string, unknown[]> = {
    data: data.toReversed(),
    runs: runs.toReversed(),
    plans,
  }
  await using stub = await stubOfTheWire(({ url }) => ({
    json: lists[/^\/api\/(\w+)/.exec(url)?.[1] ?? ''],
  }))
  const dir = projectFor(stub)
  const found = async (line: string) =>
    (await knit([...line.split(' '), '--output', 'name'], dir)).stdout.split('\n').slice(0, -1)
  const ids = runs.map(({ runId }) => runId)
  expect(await found('run find --limit 2')).toEqual(ids.slice(0, 2))
  expect(await found(`run find --limit ${many + 1}`)).toEqual(ids)
  expect(await found('data find --limit 500')).toEqual(data.map(({ knitId }) => knitId))
  expect(await found('data find --limit 1 --transient yes')).toEqual([data[7]?.knitId])
  expect(await found('plan find --limit 2')).toEqual([idOf('p3'), idOf('p2')])
})

test.each(['run show ', 'data tag ', 'plan show ', 'plan find --image ', 'data find -t '])(
  'who completes "%s" asks for at most 200 of a list',
  async (line) => {
    await using stub = await stubOfTheWire(() => ({ json: [] }))
    await knit(['__complete', '--', ...line.split(' ')], projectFor(stub))
    expect(stub.requests.length).toBeGreaterThan(0)
    for (const asked of stub.requests) expect(queryOf(asked)).toEqual({ limit: '200' })
  },
)
