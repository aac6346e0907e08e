import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import {
  stubOfTheWire,
  unknownPath,
  type Seen,
  type StubAnswer,
} from '#shared/client/stub-of-the-wire.ts'
import {
  idOf,
  planSummary,
  sampleData,
  samplePlan,
  sampleRun,
} from '#shared/client/wire-samples.ts'
import { knit, projectFor, tempDir } from './testing.ts'

// Every flag that scripts written for the reference give: long and short, with a blank or "=" before its value, repeated.

const upload = sampleRun('u1', { outputs: [['/upload', 'd1']] })
const train = sampleRun('t1', { inputs: [['/in', 'd1']], outputs: [['/out', 'm1']] })
const data = {
  [idOf('d1')]: sampleData('d1', upload, [train]),
  [idOf('m1')]: sampleData('m1', train, [], ['knit#transient:failed']),
}
const runs = { [upload.runId]: upload, [train.runId]: train }
const at = { path: '/x', tags: [] }
// p0 feeds p1, that feeds p2, and that p3.
const plans = {
  [idOf('p0')]: samplePlan('p0'),
  [idOf('p1')]: samplePlan('p1', {
    inputs: [{ ...at, upstreams: [{ plan: planSummary('p0'), mountpoint: at }] }],
    outputs: [{ ...at, downstreams: [{ plan: planSummary('p2'), mountpoint: at }] }],
  }),
  [idOf('p2')]: samplePlan('p2', {
    outputs: [{ ...at, downstreams: [{ plan: planSummary('p3'), mountpoint: at }] }],
  }),
  [idOf('p3')]: samplePlan('p3'),
}

const all: Record<string, Record<string, unknown>> = { data, runs, plans }

/** A server that has one of everything. */
function answer({ method, url }: Seen): StubAnswer {
  const { pathname, searchParams } = new URL(url, 'http://h')
  const [, , noun = '', id = '', verb] = pathname.split('/')
  if (verb === 'log') return { body: 'log\n' }
  if (noun === 'lineage') return unknownPath
  if (verb === 'retry' || (noun === 'runs' && method === 'DELETE')) return {}
  const things = all[noun] ?? {}
  const thing = things[id] ?? (noun === 'data' ? data[idOf('d1')] : undefined)
  if (id !== '' || method === 'POST') return { json: thing }
  const asked = searchParams.get('tag')?.replace('knit#id:', '')
  return { json: asked && data[asked] ? [data[asked]] : Object.values(things) }
}

const ids: Record<string, string> = { D: idOf('d1'), R: idOf('t1'), P: idOf('p1') }

const worded = (line: string): string[] =>
  line
    .split(' ')
    .map((word) => word.replace(/^""$/, '').replace(/\b[DRP]\b/g, (name) => ids[name] ?? name))

/** What a line asks the server for, and what it prints. */
async function tried(line: string, dir?: (dir: string) => void) {
  await using stub = await stubOfTheWire(answer)
  const project = projectFor(stub)
  dir?.(project)
  const result = await knit(worded(line), project)
  const asked = stub.requests.map(({ method, url, body, headers }) => {
    const json = headers['content-type'] === 'application/json' ? ` ${body}` : ''
    return `${method} ${decodeURIComponent(url)}${json}`
  })
  return { ...result, asked, project, requests: stub.requests }
}

const change = (id: string, body: object) => `PUT /api/data/${idOf(id)} ${JSON.stringify(body)}`
const tag = (key: string, value: string) => ({ key, value })
const annotated = (body: object) =>
  `PUT /api/plans/${ids['P']}/annotations ${JSON.stringify({ ...none, ...body })}`
const none = { add: [], remove: [], remove_key: [] }

test.each<[row: string, lines: string[], asked: string]>([
  [
    'data find --tag -t: all of them',
    ['data find --tag a:b --tag c:d=e', 'data find -t a:b -t=c:d=e', 'data find -ta:b --tag=c:d=e'],
    'GET /api/data?tag=a:b&tag=c:d=e',
  ],
  [
    'data find --since: the last one counts',
    ['data find --since 2024-01-01Z --since 2025-01-01T12Z', 'data find --since=2025-01-01T12:00Z'],
    'GET /api/data?since=2025-01-01T12:00:00Z',
  ],
  [
    'data find --duration: with --since, the last one counts',
    [
      'data find --since 2025-01-01Z --duration 1h --duration 90m',
      'data find --since 2025-01-01Z --duration 1.5h',
      'data find --duration=90m --since=2025-01-01Z',
    ],
    'GET /api/data?since=2025-01-01T00:00:00Z&duration=5400000000000ns',
  ],
  [
    'data tag --add: repeated',
    ['data tag D --add a:b --add c:d', 'data tag --add=a:b --add=c:d D'],
    change('d1', { ...none, add: [tag('a', 'b'), tag('c', 'd')] }),
  ],
  [
    'data tag --remove: repeated',
    ['data tag D --remove a:b --remove c:d', 'data tag --remove=a:b --remove=c:d D'],
    change('d1', { ...none, remove: [tag('a', 'b'), tag('c', 'd')] }),
  ],
  [
    'data tag --remove-key: repeated',
    ['data tag D --remove-key a --remove-key c', 'data tag --remove-key=a --remove-key=c D'],
    change('d1', { ...none, remove_key: ['a', 'c'] }),
  ],
  ['data tag: without flags nothing is changed', ['data tag D'], change('d1', none)],
  ['plan find', ['plan find', 'plan find --active both'], 'GET /api/plans'],
  [
    'plan find --active: only active ones',
    ['plan find --active yes', 'plan find --active=true', 'plan find --active no --active yes'],
    'GET /api/plans?active=true',
  ],
  [
    'plan find --active: only inactive ones',
    ['plan find --active no', 'plan find --active=false'],
    'GET /api/plans?active=false',
  ],
  [
    'plan find --image: the last one counts',
    ['plan find --image x --image h:5000/a:v1', 'plan find --image=h:5000/a:v1'],
    'GET /api/plans?image=h:5000/a:v1',
  ],
  [
    'plan find --in-tag -i: all of them',
    ['plan find --in-tag a:b --in-tag c:d', 'plan find -i a:b -i=c:d'],
    'GET /api/plans?in_tag=a:b&in_tag=c:d',
  ],
  [
    'plan find --out-tag -o: all of them',
    ['plan find --out-tag a:b --out-tag c:d', 'plan find -o a:b -o=c:d'],
    'GET /api/plans?out_tag=a:b&out_tag=c:d',
  ],
  ['plan show', ['plan show P'], `GET /api/plans/${ids['P']}`],
  ['plan active yes', ['plan active yes P'], `PUT /api/plans/${ids['P']}/active`],
  ['plan active no', ['plan active no P'], `DELETE /api/plans/${ids['P']}/active`],
  [
    'plan resource --set -s: of a type the last',
    ['plan resource P --set cpu=1 --set cpu=0.5', 'plan resource -s cpu=1 P -s=cpu=500m'],
    `PUT /api/plans/${ids['P']}/resources {"set":{"cpu":"500m"},"unset":[]}`,
  ],
  [
    'plan resource --unset -u: repeated',
    ['plan resource P --unset cpu --unset x/gpu', 'plan resource -u cpu -u=x/gpu P'],
    `PUT /api/plans/${ids['P']}/resources {"set":{},"unset":["cpu","x/gpu"]}`,
  ],
  [
    'plan annotate --add: repeated',
    ['plan annotate P --add a=b --add c=d=e', 'plan annotate --add=a=b --add=c=d=e P'],
    annotated({ add: ['a=b', 'c=d=e'] }),
  ],
  [
    'plan annotate --remove: repeated',
    ['plan annotate P --remove a=b --remove c=d', 'plan annotate --remove=a=b --remove=c=d P'],
    annotated({ remove: ['a=b', 'c=d'] }),
  ],
  [
    'plan annotate --remove-key: repeated',
    [
      'plan annotate P --remove-key a --remove-key c',
      'plan annotate --remove-key=a --remove-key=c P',
    ],
    annotated({ remove_key: ['a', 'c'] }),
  ],
  ['plan annotate: without flags nothing is changed', ['plan annotate P'], annotated({})],
  [
    'plan serviceaccount --set: the last one counts',
    ['plan serviceaccount P --set x --set y', 'plan serviceaccount --set=y P'],
    `PUT /api/plans/${ids['P']}/serviceaccount {"service_account":"y"}`,
  ],
  [
    'plan serviceaccount --unset',
    ['plan serviceaccount P --unset', 'plan serviceaccount --set= --unset P'],
    `DELETE /api/plans/${ids['P']}/serviceaccount`,
  ],
  [
    'run find --planid -p: any of them',
    ['run find --planid P --planid D', 'run find -p P -p=D'],
    `GET /api/runs?plan=${ids['P']},${ids['D']}`,
  ],
  [
    'run find --in-knitid -i: any of them',
    ['run find --in-knitid P --in-knitid D', 'run find -i P -i=D'],
    `GET /api/runs?knitIdInput=${ids['P']},${ids['D']}`,
  ],
  [
    'run find --out-knitid -o: any of them',
    ['run find --out-knitid P --out-knitid D', 'run find -o P -o=D'],
    `GET /api/runs?knitIdOutput=${ids['P']},${ids['D']}`,
  ],
  [
    'run find --status -s: any of them',
    [
      'run find --status done --status failed',
      'run find -s done -s=failed',
      'run find -s done,failed',
    ],
    'GET /api/runs?status=done,failed',
  ],
  [
    'run find --since --duration, or --until',
    [
      'run find --since 2025-01-01Z --duration 24h',
      'run find --duration=1d --since=2025-01-01Z',
      'run find --since 2025-01-01Z --until 2025-01-02Z',
    ],
    'GET /api/runs?since=2025-01-01T00:00:00Z&duration=86400000000000ns',
  ],
  ['run show', ['run show R', 'run show -- R'], `GET /api/runs/${ids['R']}`],
  ['run show --log', ['run show R --log', 'run show --log=yes R'], `GET /api/runs/${ids['R']}/log`],
  [
    'run show --follow -f: with --log',
    ['run show R --log --follow', 'run show -f --log R'],
    `GET /api/runs/${ids['R']}/log?follow=`,
  ],
  ['run stop', ['run stop R', 'run stop --fail=no R'], `PUT /api/runs/${ids['R']}/tearoff`],
  ['run stop --fail -x', ['run stop --fail R', 'run stop R -x'], `PUT /api/runs/${ids['R']}/abort`],
  ['run retry', ['run retry R'], `PUT /api/runs/${ids['R']}/retry`],
  ['run rm', ['run rm R'], `DELETE /api/runs/${ids['R']}`],
])('%s', async (_, lines, expected) => {
  for (const line of lines) {
    const { code, asked, stderr } = await tried(line)
    expect({ line, code, asked, stderr: code === 0 ? '' : stderr }).toEqual({
      line,
      code: 0,
      asked: [expected],
      stderr: '',
    })
  }
})

test.each([
  ['data find --transient yes', ['m1']],
  ['data find --transient=true', ['m1']],
  ['data find --transient no', ['d1']],
  ['data find --transient false', ['d1']],
  ['data find --transient no --transient both', ['d1', 'm1']],
])('%s keeps some of what was found', async (line, names) => {
  const { stdout } = await tried(line)
  expect(JSON.parse(stdout).map(({ knitId }: { knitId: string }) => knitId)).toEqual(
    names.map(idOf),
  )
})

/** What of a lineage, or of plans, a line asks for. */
const walked = async (line: string): Promise<string[]> => {
  const names = new Map(
    ['u1', 't1', 'd1', 'm1', 'p0', 'p1', 'p2', 'p3'].map((name) => [idOf(name), name]),
  )
  const { asked } = await tried(line)
  // That which would tell all of it at once is not there.
  const each = asked.filter((request) => !request.includes('/api/lineage/'))
  return each.map((request) => names.get(request.slice(-36)) ?? request).toSorted()
}

test.each([
  ['data lineage D', ['d1', 'm1', 't1', 'u1']],
  ['data lineage D --upstream', ['d1', 'u1']],
  ['data lineage -u D', ['d1', 'u1']],
  ['data lineage D --downstream', ['d1', 'm1', 't1']],
  ['data lineage -d D', ['d1', 'm1', 't1']],
  ['data lineage -ud D', ['d1', 'm1', 't1', 'u1']],
  ['plan graph P', ['p0', 'p1', 'p2', 'p3']],
  ['plan graph P --upstream', ['p0', 'p1']],
  ['plan graph -u P', ['p0', 'p1']],
  ['plan graph P --downstream', ['p1', 'p2', 'p3']],
  ['plan graph -d P', ['p1', 'p2', 'p3']],
])('%s goes one way, or both', async (line, names) => {
  expect(await walked(line)).toEqual(names)
})

test.each(['-n', '--numbers'])(
  'lineage and graph %s: as far as the last one says',
  async (flag) => {
    const { asked } = await tried(`data lineage ${idOf('m1')} ${flag} all ${flag} 1`)
    const far = await tried(`data lineage ${idOf('m1')} ${flag} 1 ${flag}=all`)
    expect(asked).not.toContain(`GET /api/runs/${idOf('u1')}`)
    expect(far.asked).toContain(`GET /api/runs/${idOf('u1')}`)
    expect(await walked(`plan graph P ${flag} all ${flag} 1`)).toEqual(['p0', 'p1', 'p2'])
    expect(await walked(`plan graph P ${flag} 1 ${flag}=2`)).toEqual(['p0', 'p1', 'p2', 'p3'])
  },
)

const withSet = (dir: string) => {
  mkdirSync(join(dir, 'set'))
  writeFileSync(join(dir, 'set/a'), 'x')
  symlinkSync('a', join(dir, 'set/link'))
}

test.each([
  ['data push set --tag a:b --tag c:d', 'tag=a:b&tag=c:d'],
  ['data push -t a:b -t=c:d set', 'tag=a:b&tag=c:d'],
  ['data push set --name', 'tag=name:set'],
  ['data push -n set/', 'tag=name:set'],
])('%s sends its tags', async (line, query) => {
  expect((await tried(line, withSet)).asked[0]).toBe(`POST /api/data?${query}`)
})

test.each([
  ['data push set', 'a -> link'],
  ['data push set --dereference', 'file'],
  ['data push -L set', 'file'],
  ['data push -L set --dereference=no', 'a -> link'],
])('%s sends links, or what they lead to', async (line, expected) => {
  const { requests } = await tried(line, withSet)
  const out = tempDir()
  await unpack(Readable.from([requests[0]?.body]), out)
  writeFileSync(join(out, 'a'), 'changed')
  expect(readFileSync(join(out, 'link'), 'utf8')).toBe(expected === 'file' ? 'x' : 'changed')
})

test.each(['--extract', '-x', '--extract=yes'])('data pull %s unpacks', async (flag) => {
  const source = tempDir()
  withSet(source)
  const body = await buffer(pack(join(source, 'set')))
  const md5 = createHash('md5').update(body).digest('hex')
  await using stub = await stubOfTheWire(() => ({ body, trailers: { 'x-checksum-md5': md5 } }))
  const dir = projectFor(stub)
  await knit(['data', 'pull', idOf('d1'), flag, 'out'], dir)
  expect(readFileSync(join(dir, 'out', idOf('d1'), 'link'), 'utf8')).toBe('x')
})

test.each(['--input', '-i'])('plan template %s reads the archive of an image', async (flag) => {
  const { code, stderr } = await tried(`plan template ${flag} none ${flag} store`)
  expect(code).toBe(1)
  expect(stderr).toContain('store cannot be read as an image')
})

test('plan template --scratch and the name of an image exclude each other', async () => {
  expect((await tried('plan template --scratch')).code).toBe(0)
  expect((await tried('plan template --scratch a:b')).code).toBe(2)
})

test('--profile and --profile-store: the last one counts, wherever it stands', async () => {
  expect((await tried('--profile none run find --profile test')).code).toBe(0)
  expect((await tried('run --profile=none find')).stderr).toContain('there is no profile "none"')
  const moved = await tried('run find --profile-store none --profile-store=store')
  expect(moved.asked).toEqual(['GET /api/runs'])
})

test('--env: the last one counts, and its tags go with an upload', async () => {
  const { asked } = await tried('--env none data push set --env other', (dir) => {
    withSet(dir)
    writeFileSync(join(dir, 'other'), 'tag: ["project:p"]\n')
  })
  expect(asked[0]).toBe('POST /api/data?tag=project:p')
})

test.each(['--help', '-h'])(
  '%s anywhere in a line shows the help and does nothing',
  async (flag) => {
    const lines = [`${flag} run rm R`, `run ${flag} rm R`, `run rm ${flag} R`, `run rm R ${flag}`]
    for (const line of lines) {
      const { code, stdout, stderr, asked } = await tried(line)
      expect({ line, code, stdout, asked }).toEqual({ line, code: 0, stdout: '', asked: [] })
      expect(stderr).toMatch(/^Delete finished runs.* \(knit run rm\)\n/)
    }
  },
)

test('init writes its files below the directory it is in', async () => {
  const { code, project } = await tried('init given --profile mine --profile-store kept', (dir) =>
    writeFileSync(join(dir, 'given'), 'apiRoot: http://127.0.0.1:1/api\n'),
  )
  expect(code).toBe(0)
  expect(readFileSync(join(project, '.knitprofile'), 'utf8')).toBe('mine')
  expect(existsSync(join(project, 'kept'))).toBe(true)
})

test.each([
  'data push ""',
  'data push set ""',
  'data pull D ""',
  'plan apply ""',
  'plan template --input ""',
  'init ""',
  'init given --token-file ""',
  'login --token-file ""',
  'local image add a:1 ""',
])('%s: a path that is empty, as of a variable that is not set, is misuse', async (line) => {
  const { code, stdout, stderr, asked } = await tried(line, (dir) => {
    withSet(dir)
    writeFileSync(join(dir, 'given'), 'apiRoot: http://127.0.0.1:1/api\n')
  })
  expect({ code, stdout, asked }).toEqual({ code: 2, stdout: '', asked: [] })
  expect(stderr).toMatch(/^usage error: \S+: expected a path, and it is empty\n/)
})
