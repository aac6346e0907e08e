import { randomUUID } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { test as base, expect, onTestFinished, vi } from 'vitest'
import { connectApi } from '#shared/client/connect.ts'
import { access } from '#shared/contracts/access.ts'
import { admin } from '#shared/contracts/admin.ts'
import { auth } from '#shared/contracts/auth.ts'
import { data } from '#shared/contracts/data.ts'
import { runs } from '#shared/contracts/runs.ts'
import { tokens } from '#shared/contracts/tokens.ts'
import { mostLogBytes, setAsideOf } from '#shared/files/set-aside.ts'
import { enginesHere, makeImage, noEngine } from '#tests/support/engines.ts'
import { ended, pullText, pushText, runsOf, shellPlan } from '#tests/support/home-work.ts'
import {
  fileExists,
  interruptedHome,
  killAll,
  processesOf,
  refusedHome,
  startHome,
  temporaryFolder,
} from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'
import { localProgram } from '../../cli/local-program.ts'
import { knit } from '../../cli/testing.ts'

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder()
    await use(folder.path)
    await folder.remove()
  },
})

const home = (folder: string) => join(folder, 'home')

test('a chain of plans runs real programs, and lineage leads back to what was pushed', async ({
  folder,
}) => {
  const running = await startHome(home(folder))
  const api = connectApi({ apiRoot: running.apiRoot })
  const first = await shellPlan(
    api,
    'type:raw',
    'echo working; tr a-z A-Z < /in/text > /out/text',
    'type:loud',
  )
  const second = await shellPlan(api, 'type:loud', 'rev < /in/text > /out/text', 'type:reversed')
  const knitId = await pushText(api, folder, 'hello', 'type:raw')
  const last = await until(() => ended(api, second))
  expect(last).toMatchObject({ status: 'done', exit: { code: 0, message: '' } })
  expect(await pullText(api, folder, last.outputs[0]?.knitId ?? '')).toBe('OLLEH')
  const [made] = await runsOf(api, first)
  expect(made?.inputs[0]?.knitId).toBe(knitId)
  expect(last.inputs[0]?.knitId).toBe(made?.outputs[0]?.knitId)
  expect(await text(await api.log(made?.runId ?? ''))).toBe('working\n')
  expect(await running.stop()).toBe(0)
})

test('with --auth a home asks for a token, which stands in its profile and stays the same', async ({
  folder,
}) => {
  const profileOf = () => {
    const lines = readFileSync(join(home(folder), 'knitprofile'), 'utf8')
    return parse(lines) as { apiRoot: string; token: string }
  }
  const first = await startHome(home(folder), '--auth')
  const { apiRoot, token } = profileOf()
  expect(apiRoot).toBe(first.apiRoot)
  await expect(connectApi({ apiRoot }).call(access.whoami, {})).rejects.toMatchObject({
    status: 401,
  })
  const api = connectApi({ apiRoot, token })
  const whole = { name: 'token', role: 'admin', address: '127.0.0.1' }
  expect(await api.call(access.whoami, {})).toEqual(whole)
  const body = { name: 'ann', role: 'viewer' } as const
  const { secret } = await api.call(tokens.create, { body })
  // As clients do that know no tokens.
  const withUser = apiRoot.replace('http://', `http://any:${secret}@`)
  const ann = connectApi({ apiRoot: withUser })
  expect(await ann.call(access.whoami, {})).toMatchObject({ name: 'token:ann', role: 'viewer' })
  const abort = ann.call(runs.abort, { runId: randomUUID() })
  await expect(abort).rejects.toMatchObject({ status: 403 })
  const audit = () => api.call(admin.audit, {})
  await until(async () => (await audit()).length > 1)
  expect(await audit()).toMatchObject([
    { actor: 'token:ann', route: 'runs.abort', status: 403, address: '127.0.0.1' },
    { actor: 'token', route: 'tokens.create', status: 200, subjects: ['ann'] },
  ])
  expect(first.output()).not.toContain(secret)
  expect(first.output()).not.toContain(token)
  await first.stop()
  const second = await startHome(home(folder), '--auth')
  expect(profileOf().token).toBe(token)
  await second.stop()
})

test('what a home in the background prints is kept from growing without bound, and no line is lost', async ({
  folder,
}) => {
  vi.stubEnv('KNIT_LOG_LEVEL', 'debug')
  onTestFinished(() => void vi.unstubAllEnvs())
  const world = { localProgram: localProgram() }
  const place = ['--home', home(folder)]
  const started = await knit(['local', 'start', '--detach', '--port', '0', ...place], folder, world)
  const api = connectApi({ apiRoot: started.stdout.trim() })
  const log = join(home(folder), 'local.log')
  const asked = () => api.call(access.whoami, {})
  const servedIn = (path: string) => readFileSync(path, 'utf8').match(/served .*access.whoami/g)
  await asked()
  expect(await until(() => servedIn(log))).toHaveLength(1)
  appendFileSync(log, 'x'.repeat(mostLogBytes))
  await asked()
  expect(await until(() => fileExists(setAsideOf(log)) && servedIn(log))).toHaveLength(1)
  expect(servedIn(setAsideOf(log))).toHaveLength(1)
  expect(statSync(setAsideOf(log)).size).toBeGreaterThan(mostLogBytes)
  expect(statSync(log).size).toBeLessThan(100_000)
  expect((await knit(['local', 'stop', ...place], folder, world)).code).toBe(0)
})

test('a secret in a log of the home, or of a program, is found by who checks it', async ({
  folder,
}) => {
  const running = await startHome(home(folder))
  const api = connectApi({ apiRoot: running.apiRoot })
  const suspects = async () =>
    (await api.call(admin.check, {})).filter(
      ({ sentence, state }) => sentence.includes('logs') && state !== 'holds',
    )
  expect(await suspects()).toEqual([])
  const key = readFileSync(join(home(folder), 'signing-key'), 'utf8')
  const names = ['local.log', 'local.log.1', 'postgres/postgres.log', 'postgres/postgres.log.1']
  for (const name of names) appendFileSync(join(home(folder), name), `by ${key}\n`)
  const plan = await shellPlan(api, 'type:raw', `echo ${key}; touch /out/text`, 'type:made')
  await pushText(api, folder, 'hello', 'type:raw')
  const { runId } = await until(() => ended(api, plan))
  expect((await suspects()).map(({ things }) => things)).toEqual([
    [...names, `log of run ${runId}`],
  ])
  expect(await running.stop()).toBe(0)
})

test('a log is followed while the program runs, to its last line', async ({ folder }) => {
  const running = await startHome(home(folder))
  const api = connectApi({ apiRoot: running.apiRoot })
  const gate = join(folder, 'gate')
  const plan = await shellPlan(
    api,
    'type:raw',
    `echo begun; until [ -e ${gate} ]; do :; done; echo ended`,
    'type:x',
  )
  await pushText(api, folder, 'x', 'type:raw')
  const run = await until(async () =>
    (await runsOf(api, plan)).find(({ status }) => status === 'running'),
  )
  const log = await api.log(run.runId, { follow: true })
  const [begun] = (await once(log, 'data')) as [Buffer]
  expect(begun.toString()).toBe('begun\n')
  writeFileSync(gate, '')
  expect(await text(log)).toBe('ended\n')
  await running.stop()
})

test('Ctrl-C leaves no process behind, and a second start goes on where it was', async ({
  folder,
}) => {
  const first = await startHome(home(folder))
  const api = connectApi({ apiRoot: first.apiRoot })
  const gate = join(folder, 'gate')
  const plan = await shellPlan(
    api,
    'type:raw',
    `until [ -e ${gate} ]; do :; done; cp /in/text /out/text`,
    'type:x',
  )
  const knitId = await pushText(api, folder, 'kept', 'type:raw')
  await until(async () => (await runsOf(api, plan)).some(({ status }) => status === 'running'))
  expect(await first.stop('SIGINT')).toBe(0)
  expect(processesOf(folder)).toEqual([])

  writeFileSync(gate, '')
  const second = await startHome(home(folder))
  const again = connectApi({ apiRoot: second.apiRoot })
  expect(await pullText(again, folder, knitId)).toBe('kept')
  const run = await until(() => ended(again, plan))
  expect(run).toMatchObject({ status: 'done' })
  expect(await pullText(again, folder, run.outputs[0]?.knitId ?? '')).toBe('kept')
  expect(await runsOf(again, plan)).toHaveLength(1)
  expect(await second.stop('SIGTERM')).toBe(0)
  expect(processesOf(folder)).toEqual([])
})

test('Ctrl-C while the database is made is a stop like any other, and the next start makes it', async ({
  folder,
}) => {
  const isBeingMade = () =>
    globSync(join(home(folder), 'postgres/data.new-*/PG_VERSION')).length > 0
  expect(await interruptedHome(home(folder), isBeingMade)).toEqual({ code: 0, output: '' })
  expect(processesOf(folder)).toEqual([])
  const running = await startHome(home(folder))
  expect(await running.stop()).toBe(0)
})

test('a program that runs when the local home is killed is found again and ends as if nothing had been', async ({
  folder,
}) => {
  const first = await startHome(home(folder))
  const api = connectApi({ apiRoot: first.apiRoot })
  const gate = join(folder, 'gate')
  const plan = await shellPlan(
    api,
    'type:raw',
    `echo once; until [ -e ${gate} ]; do :; done; cp /in/text /out/text`,
    'type:x',
  )
  await pushText(api, folder, 'kept', 'type:raw')
  await until(async () => (await runsOf(api, plan)).some(({ status }) => status === 'running'))
  await first.stop('SIGKILL')

  const second = await startHome(home(folder))
  const again = connectApi({ apiRoot: second.apiRoot })
  expect(await runsOf(again, plan)).toMatchObject([{ status: 'running' }])
  writeFileSync(gate, '')
  const run = await until(() => ended(again, plan))
  expect(run).toMatchObject({ status: 'done', exit: { code: 0 } })
  expect(await text(await again.log(run.runId))).toBe('once\n')
  await second.stop()
})

test('kill −9 of everything loses nothing that was acknowledged', async ({ folder }) => {
  const first = await startHome(home(folder))
  const api = connectApi({ apiRoot: first.apiRoot })
  const plan = await shellPlan(api, 'type:raw', 'cp /in/text /out/text', 'type:copy')
  const knitIds: string[] = []
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f'])
    knitIds.push(await pushText(api, folder, name, 'type:raw', `name:${name}`))
  killAll(home(folder))
  await first.stop('SIGKILL')
  await until(() => processesOf(home(folder)).length === 0)

  const second = await startHome(home(folder))
  const again = connectApi({ apiRoot: second.apiRoot })
  const found = await again.call(data.find, { tag: ['type:raw'] })
  expect(found.map(({ knitId }) => knitId)).toEqual(knitIds)
  for (const [index, knitId] of knitIds.entries())
    expect(await pullText(again, folder, knitId)).toBe('abcdef'[index])
  const done = await until(async () => {
    const all = await runsOf(again, plan)
    return all.length === 6 && all.every(({ status }) => status === 'done') ? all : undefined
  })
  expect(done.map(({ inputs }) => inputs[0]?.knitId).sort()).toEqual(knitIds.toSorted())
  await second.stop()
})

test('a database that dies is started again', async ({ folder }) => {
  const running = await startHome(home(folder))
  const api = connectApi({ apiRoot: running.apiRoot })
  const knitId = await pushText(api, folder, 'kept', 'type:raw')
  const [postmaster] = readFileSync(
    join(home(folder), 'postgres/data/postmaster.pid'),
    'utf8',
  ).split('\n')
  process.kill(Number(postmaster), 'SIGKILL')
  const found = await until(() => api.call(data.find, {}).catch(() => undefined))
  expect(found).toMatchObject([{ knitId }])
  expect(await running.stop()).toBe(0)
})

test('a second instance on one home is refused, and the first goes on', async ({ folder }) => {
  const running = await startHome(home(folder))
  const { code, output } = await refusedHome(home(folder), '--port', '0')
  expect(code).toBe(1)
  expect(output).toBe(
    `The local home ${home(folder)} is in use by process ${running.pid}.\nUse it as it is, or stop it first: knit local stop --home ${home(folder)}\n`,
  )
  expect(await connectApi({ apiRoot: running.apiRoot }).call(data.find, {})).toEqual([])
  await running.stop()
})

test('a taken port is refused in one clear message, and nothing is left running', async ({
  folder,
}) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { code, output } = await refusedHome(home(folder), '--port', String(port))
  expect(code).toBe(1)
  expect(output).toBe(
    `The port ${port} is taken by another program, or another local home.\nChoose another one: knit local start --port N (0 takes any free one)\n`,
  )
  expect(processesOf(folder)).toEqual([])
  server.close()
})

test('a home with a provider of sign-ins asks who somebody is, and says how to tell it', async ({
  folder,
}) => {
  vi.stubEnv('KNIT_OIDC_ISSUER', 'https://login.test')
  onTestFinished(() => void vi.unstubAllEnvs())
  const { code, output } = await refusedHome(home(folder), '--port', '0')
  expect({ code, output }).toEqual({
    code: 1,
    output: expect.stringMatching(/^KNIT_OIDC_ISSUER names .*\n.* knit local start --auth\n$/),
  })
  const running = await startHome(home(folder), '--auth')
  const { oidc } = await connectApi({ apiRoot: running.apiRoot }).call(auth.show, {})
  expect(oidc).toMatchObject({ issuer: 'https://login.test', clientId: 'knit' })
  expect(await running.stop()).toBe(0)
})

test('a setting that is not as it should be is named, with what to do', async ({ folder }) => {
  vi.stubEnv('KNIT_MAX_TAGS', 'many')
  const { code, output } = await refusedHome(home(folder), '--port', '0')
  vi.unstubAllEnvs()
  expect(code).toBe(1)
  expect(output).toBe(
    'The settings are not as they should be:\n  KNIT_MAX_TAGS: expected a number\nCorrect them, then: knit local start\n',
  )
})

test.for([
  ['--port', '99999', '--port: expected the number of a port, from 0 to 65535'],
  ['--engine', 'other', '--engine: expected auto, docker, podman or sandbox'],
  ['--database', 'foo', '--database: expected postgres://USER:PASSWORD@HOST/DATABASE'],
  ['--bogus', '1', "Unknown option '--bogus'"],
] as const)('%s %s is misuse, told in plain words', async ([flag, value, what], { folder }) => {
  const { code, output } = await refusedHome(home(folder), flag, value)
  expect(code).toBe(2)
  expect(output).toMatch(/^.+\nUsage: npm start -- .+\n$/)
  expect(output.split('\n')[0]).toBe(what)
  expect(fileExists(home(folder))).toBe(false)
})

test.for(['postgres://ann:secret@127.0.0.1:1/knit', 'postgres://ann:secret@[nowhere/knit'])(
  'the database %s is refused in two lines, without its password',
  async (url, { folder }) => {
    const { code, output } = await refusedHome(home(folder), '--database', url)
    expect(code).toBe(1)
    expect(output).toMatch(
      /^The database of --database cannot be used: .+\nCheck that it runs .+\n$/,
    )
    expect(output).not.toContain('secret')
  },
)

test('an engine that does not work is refused in one clear message', async ({ folder }) => {
  vi.stubEnv('DOCKER_HOST', `unix://${folder}/none`)
  const docker = await refusedHome(home(folder), '--port', '0', '--engine', 'docker')
  vi.unstubAllEnvs()
  expect(docker.code).toBe(1)
  expect(docker.output).toMatch(
    /^docker cannot be used on this machine: .+\nMend that, or leave the choice: --engine auto\n$/,
  )
  expect(processesOf(folder)).toEqual([])
})

const engines = await enginesHere()

if (engines.length === 0)
  test('a home with an engine says so, and runs an image of it', ({ skip }) => skip(noEngine))

for (const engine of engines)
  test(`a home with ${engine.name} says so, and runs an image of it`, async ({ folder }) => {
    const { name } = engine
    const image = makeImage(engine)
    const running = await startHome(home(folder), '--engine', name)
    expect(JSON.parse(readFileSync(join(home(folder), 'local.json'), 'utf8'))).toMatchObject({
      engine: name,
    })
    const api = connectApi({ apiRoot: running.apiRoot })
    const plan = await shellPlan(
      api,
      'type:raw',
      'cat /in/text /in/text > /out/text',
      'type:x',
      image.name,
    )
    await pushText(api, folder, 'x', 'type:raw')
    const run = await until(() => ended(api, plan))
    expect(run).toMatchObject({ status: 'done' })
    expect(await pullText(api, folder, run.outputs[0]?.knitId ?? '')).toBe('xx')
    await running.stop()
    image.remove()
  })

test('a folder that is no home is refused and left as it is', async ({ folder }) => {
  writeFileSync(join(folder, 'mine.txt'), 'mine')
  const { code, output } = await refusedHome(folder)
  expect(code).toBe(1)
  expect(output).toBe(
    `The folder ${folder} is not empty and is no local home.\nChoose another one: knit local start --home DIR\n`,
  )
  const underFile = await refusedHome(join(folder, 'mine.txt', 'below'))
  expect(underFile.code).toBe(1)
  expect(underFile.output).toContain(
    `The folder ${folder}/mine.txt/below cannot be used: file already exists: ${folder}/mine.txt.\n`,
  )
  const nowhere = await refusedHome('/proc/nothing/home')
  expect(nowhere.code).toBe(1)
  expect(nowhere.output).toContain(
    'The folder /proc/nothing/home cannot be used: no such file or directory',
  )
})

const isRoot = process.getuid?.() === 0

// A small disk of its own needs root.
if (isRoot)
  test.for([4, 8, 20])(
    'a disk of %i MB is refused in one clear message',
    async (size, { folder }) => {
      const small = join(folder, 'small')
      mkdirSync(small)
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', small])
      try {
        const { code, output } = await refusedHome(join(small, 'home'))
        expect(code).toBe(1)
        expect(output).toMatch(/^The disk of .* is full\.\nFree .*\n$/)
        expect(processesOf(folder)).toEqual([])
      } finally {
        execFileSync('umount', [small])
      }
    },
  )
