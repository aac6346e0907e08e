import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { idOf } from '#shared/client/wire-samples.ts'
import { withoutPauses } from '#shared/client/without-pauses.ts'
import { described } from '../described.ts'
import { root } from '../root.ts'
import { askingNobody, knit, projectFor } from '../testing.ts'
import { doubleOfTheReference } from './test-server.ts'

type Server = Awaited<ReturnType<typeof doubleOfTheReference>>

const ids: Record<string, string> = { D: 'd1', P: 'p1', R: 't1', RUNNING: 'r1' }

/** What a line does with such a server, from a directory that has something to push and a plan to register. */
async function tried(line: string, server: Server) {
  const dir = projectFor(server)
  mkdirSync(join(dir, 'set'))
  writeFileSync(join(dir, 'set/a'), 'x')
  writeFileSync(join(dir, 'plan.yaml'), 'image: a/b:v1\ninputs: [{path: /in, tags: ["a:b"]}]\n')
  writeFileSync(join(dir, 'token'), 'a token')
  writeFileSync(join(dir, 'given'), `apiRoot: ${server.apiRoot}\n`)
  const words = line.split(' ').map((word) => (ids[word] ? idOf(ids[word]) : word))
  return knit([...words, '--quiet'], dir)
}

/** D is the id of a data, P that of a plan, R that of a run that is done, RUNNING that of another. */
const working = [
  'init given',
  'data find --tag type:a --since 2025-01-01Z --duration 24h',
  'data find --transient no --limit 1',
  'data show D',
  'data push set --tag a:b',
  'data pull D',
  'data pull D out --extract',
  'data pull D -',
  'data ls D',
  'data cat D a',
  'data tag D --add a:b --remove c:d --remove-key e',
  'data lineage D',
  'plan apply plan.yaml',
  'plan find --active yes --in-tag type:a --image reg.test/p1',
  'plan show P',
  'plan active no P',
  'plan active yes P',
  'plan resource P --set cpu=2 --unset x',
  'plan annotate P --add a=b',
  'plan serviceaccount P --set x',
  'plan serviceaccount P --unset',
  'plan graph P',
  'run find --planid P --in-knitid D --status done,failed --since 2025-01-01Z',
  'run find --limit 2',
  'run show R',
  'run show R --log',
  'run show R --log --follow',
  'run wait R --planid P --in-knitid D',
  'run stop RUNNING',
  'run stop RUNNING --fail',
  'run retry R',
  'run rm R',
]

/** What ours have and such a server has not. */
const lacking = [
  'explain P --data D',
  'plan apply plan.yaml --dry-run',
  'plan usage P',
  'run show R --history',
  'whoami',
  'login',
  'login --token-file token',
  'admin check',
  'admin events',
  'admin events replay e1',
  'admin hooks',
  'admin token create ci --role user',
  'admin token list',
  'admin token revoke ci',
  'admin audit',
  'admin garbage',
  'version --server',
]

const names = (await described(root)).map(({ name }) => name.replace(/^knit /, ''))

test.each(names)('knit %s is tried below, unless it asks no server', (name) => {
  const isTried = [...working, ...lacking].some((line) => `${line} `.startsWith(`${name} `))
  expect(isTried).toBe(!askingNobody.includes(name))
})

test.each(working)('knit %s works with a server of the reference', async (line) => {
  await using server = await doubleOfTheReference()
  const { code, stderr } = await tried(line, server)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  // Those that can do without ask whether there is more.
  const more = {
    ls: `data/${idOf('d1')}/files`,
    cat: `data/${idOf('d1')}/file`,
    lineage: `lineage/${idOf('d1')}`,
  }[/^data (\w+)/.exec(line)?.[1] ?? '']
  expect(server.unknown).toEqual(more ? [`GET /api/${more}`] : [])
})

test('what such a server has not is told as that, with what to do instead', async () => {
  await using server = await doubleOfTheReference()
  let told = ''
  for (const line of lacking) {
    const { code, stdout, stderr } = await tried(line, server)
    expect({ line, code, stdout }).toEqual({ line, code: 1, stdout: '' })
    told += `$ knit ${line}\n${stderr}`
  }
  expect(server.served).toEqual([])
  expect(told).toMatchInlineSnapshot(`
    "$ knit explain P --data D
    explain 00000000-0000-4000-8000-000000007031: this server does not explain; what a plan asks for is in its inputs (HTTP 404)
    try: knit plan show 00000000-0000-4000-8000-000000007031 --output yaml
    $ knit plan apply plan.yaml --dry-run
    this server cannot try a plan out: it would register it
    try: knit plan apply plan.yaml
    $ knit plan usage P
    plan usage 00000000-0000-4000-8000-000000007031: this server does not count what runs have written (HTTP 404)
    try: knit run find --planid 00000000-0000-4000-8000-000000007031 --output table
    $ knit run show R --history
    run show 00000000-0000-4000-8000-000000007431: this server keeps no history of runs (HTTP 404)
    try: knit run show 00000000-0000-4000-8000-000000007431 --output table
    $ knit whoami
    whoami: this server asks nobody who they are, and lets everybody do everything (HTTP 404)
    try: knit data find --output table
    $ knit login
    login: this server asks nobody who they are, and lets everybody do everything (HTTP 404)
    try: knit data find --output table
    $ knit login --token-file token
    login: this server asks nobody who they are, and lets everybody do everything (HTTP 404)
    try: knit data find --output table
    $ knit admin check
    admin check: this server is not looked after by knit, but where it runs (HTTP 404)
    try: kubectl get pods --namespace NAMESPACE
    $ knit admin events
    admin events: this server is not looked after by knit, but where it runs (HTTP 404)
    try: kubectl get pods --namespace NAMESPACE
    $ knit admin events replay e1
    admin events replay e1: this server is not looked after by knit, but where it runs (HTTP 404)
    try: kubectl get pods --namespace NAMESPACE
    $ knit admin hooks
    admin hooks: this server is not looked after by knit, but where it runs (HTTP 404)
    try: kubectl get pods --namespace NAMESPACE
    $ knit admin token create ci --role user
    admin token create ci: this server asks nobody who they are, and lets everybody do everything (HTTP 404)
    try: knit data find --output table
    $ knit admin token list
    admin token list: this server asks nobody who they are, and lets everybody do everything (HTTP 404)
    try: knit data find --output table
    $ knit admin token revoke ci
    admin token revoke ci: this server asks nobody who they are, and lets everybody do everything (HTTP 404)
    try: knit data find --output table
    $ knit admin audit
    admin audit: this server is not looked after by knit, but where it runs (HTTP 404)
    try: kubectl get pods --namespace NAMESPACE
    $ knit admin garbage
    admin garbage: this server is not looked after by knit, but where it runs (HTTP 404)
    try: kubectl get pods --namespace NAMESPACE
    $ knit version --server
    version: this server does not tell its version; who has installed it can see that (HTTP 404)
    try: helm list --all-namespaces
    "
  `)
})

test('a push that was taken, and not answered, is told and not sent again', async () => {
  await using server = await doubleOfTheReference({ 'POST /api/data': ['answer lost'] })
  const { code, stdout, stderr } = await tried('data push set', server)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr.replace(/:\d{4,}/, ':PORT')).toMatchInlineSnapshot(`
    "data push set: cannot reach http://127.0.0.1:PORT: the connection was closed before an answer; it may have been done, and is not asked for again, as this server would do it twice
    try: knit data find --limit 5 --output table
    "
  `)
  expect(server.served).toEqual(['POST /api/data'])
  const looked = await tried('data find --limit 1 --output name', server)
  expect(looked.stdout).toBe(`${server.data.at(-1)?.knitId}\n`)
})

test('a push of which the line breaks on the way is sent again, as no server has taken it', async () => {
  withoutPauses()
  await using server = await doubleOfTheReference({ 'POST /api/data': ['cut'] })
  const dir = projectFor(server)
  // Of which something is still to be packed when the first of it comes.
  writeFileSync(join(dir, 'large'), randomBytes(4_000_000))
  const { code, stdout } = await knit(['data', 'push', 'large', '--output', 'name'], dir)
  expect(code).toBe(0)
  expect(server.served).toEqual(['POST /api/data', 'POST /api/data'])
  expect([...server.archives.keys()].at(-1)).toBe(stdout.trim())
})

test.each([
  ['plan apply plan.yaml', 'POST /api/plans', 'knit plan find --output table'],
  ['run retry R', 'PUT /api/runs/:id/retry', `knit run show ${idOf('t1')} --output table`],
  ['run rm R', 'DELETE /api/runs/:id', `knit run show ${idOf('t1')} --output table`],
])('%s is not done twice either', async (line, route, next) => {
  await using server = await doubleOfTheReference({ [route]: ['answer lost'] })
  const { code, stderr } = await tried(line, server)
  expect({ code, served: server.served }).toEqual({ code: 1, served: [route] })
  expect(stderr).toContain(`it may have been done, and is not asked for again`)
  expect(stderr).toMatch(new RegExp(`\ntry: ${next}\n$`))
})

test('a read of which the line breaks is done again', async () => {
  withoutPauses()
  await using server = await doubleOfTheReference({ 'GET /api/runs/:id': ['answer lost'] })
  expect((await tried('run show R', server)).code).toBe(0)
})
