import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { HTTP } from 'cloudevents'
import { expect, onTestFinished, test } from 'vitest'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { access } from '#shared/contracts/access.ts'
import { admin } from '#shared/contracts/admin.ts'
import { tokens } from '#shared/contracts/tokens.ts'
import { databaseOf } from '#tests/support/home-database.ts'
import { ended, pullText, pushText, shellPlan } from '#tests/support/home-work.ts'
import { hookServer } from '#tests/support/hook-server.ts'
import { startHomeWith, temporaryFolder, type RunningHome } from '#tests/support/local-home.ts'
import { startProvider } from '#tests/support/provider.ts'
import { until } from '#tests/support/until.ts'
import { knit } from '../../cli/testing.ts'

/** Where secrets of a home are, and have to be. */
const keeping = ['signing-key', 'token', 'knitprofile']

const canary = (name: string) => `canary-${name}-${crypto.randomUUID()}`

/** Every row of every table, as text. */
async function rowsOf(home: string): Promise<string> {
  const sql = databaseOf(home)
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`
  const told: unknown[] = []
  for (const { name } of tables) told.push(name, await sql`select one::text from ${sql(name)} one`)
  await sql.end()
  return JSON.stringify(told)
}

/** What stands in the files of a home, but for those that are there to keep secrets, and the pages of the database. */
const filesOf = (home: string): string =>
  globSync('**/*', { cwd: home, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(home, join(entry.parentPath, entry.name)))
    .filter((path) => !keeping.includes(path) && !path.startsWith('postgres/data/'))
    .map((path) => `${path}\n${readFileSync(join(home, path), 'latin1')}`)
    .join('\n')

/** The command lines of all there is on this machine, as everybody on it sees them. */
const processes = (): string =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      } catch {
        return ''
      }
    })
    .join('\n')

/** Asks for this and that with a secret, mostly in vain; gives back all that was answered. */
async function knock({ apiRoot }: { apiRoot: string }, secret: string): Promise<string> {
  const headers = {
    authorization: `Bearer ${secret}`,
    cookie: `session=${secret}`,
    'proxy-authorization': `Basic ${secret}`,
    'x-knit-identity': secret,
  }
  const json = { 'content-type': 'application/json' }
  const asked: [string, RequestInit][] = [
    ['/data', {}],
    [`/data?tag=${secret.slice(0, 3)}`, {}],
    ['/nowhere', {}],
    [`/runs?access_token=${secret}`, {}],
    ['/plans', { method: 'POST', body: '{', headers: json }],
    ['/data', { method: 'POST', body: 'no archive' }],
    [
      '/backend/data/import/end',
      { method: 'POST', body: secret, headers: { 'content-type': 'application/jwt' } },
    ],
    ['/admin/check', {}],
    ['/runs/x/abort', { method: 'PUT' }],
  ]
  const answers = asked.map(async ([path, init]) => {
    const response = await fetch(`${apiRoot}${path}`, {
      ...init,
      headers: { ...headers, ...init.headers },
    })
    return `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`
  })
  return (await Promise.all(answers)).join('\n')
}

/** A program that tells all that it can find out. */
const spy = (home: string) =>
  [
    'env',
    'cat /proc/*/environ /proc/*/cmdline',
    ...keeping.map((name) => `cat ${home}/${name}`),
    'find / -xdev -maxdepth 3',
    'cat /in/text > /out/text',
  ]
    .map((line) => `(${line}) 2>&1`)
    .join('; ')

async function logOfSpy(api: KnitApi, folder: string, home: string): Promise<string> {
  const plan = await shellPlan(api, 'type:bait', `${spy(home)}; cat /in/text > /out/text`, 'type:x')
  await pushText(api, folder, 'bait', 'type:bait')
  const run = await until(() => ended(api, plan))
  expect(run.status).toBe('done')
  expect(await pullText(api, folder, run.outputs[0]?.knitId ?? '')).toBe('bait')
  return text(await api.log(run.runId))
}

/** What `knit` says when it is used with a secret, at a home that is there and at one that is not. */
async function toldByKnit(
  folder: string,
  { apiRoot }: RunningHome,
  secret: string,
): Promise<string> {
  const dir = mkdtempSync(join(folder, 'project-'))
  const away = 'http://127.0.0.1:2/api'
  const withUser = (root: string) => root.replace('//', `//any:${secret}@`)
  const profile = (root: string, token = '') => `    apiRoot: ${root}\n${token}    cert: {}\n`
  const token = `    token: ${secret}\n`
  writeFileSync(
    join(dir, 'store'),
    `user:\n${profile(withUser(apiRoot))}away:\n${profile(withUser(away))}token:\n${profile(apiRoot, token)}gone:\n${profile(away, token)}`,
  )
  writeFileSync(join(dir, 'plan.yaml'), `image: ${secret.slice(0, 6)}\nno: plan\n`)
  const lines = [
    ['data', 'find', '--tag', 'none:such'],
    ['plan', 'apply', 'plan.yaml'],
    ['run', 'show', crypto.randomUUID()],
    ['profile', 'list'],
    ['login'],
    ['logout'],
  ]
  const told = ['user', 'away', 'token', 'gone'].map(async (name) => {
    const said: string[] = []
    for (const words of [['whoami'], ...(/away|gone/.test(name) ? [] : lines)]) {
      const { code, stdout, stderr } = await knit(['--profile', name, ...words], dir)
      said.push(`${name} ${words.join(' ')}: ${code}\n${stdout}${stderr}`)
    }
    return said.join('\n')
  })
  return (await Promise.all(told)).join('\n')
}

/** Gathers what is told to those who watch, until it is asked for. */
async function listen({ apiRoot }: RunningHome, token: string): Promise<() => string> {
  const gone = new AbortController()
  const { body } = await fetch(`${apiRoot}/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: gone.signal,
  })
  let told = ''
  const decoder = new TextDecoder()
  const hear = async () => {
    for await (const piece of body ?? []) told += decoder.decode(piece, { stream: true })
  }
  // That it is ended by hand is no failure.
  hear().catch(() => {})
  return () => {
    gone.abort()
    return told
  }
}

/** Of a token of several parts the last is the secret; the others say who and what. */
const partsOf = (secret: string): string[] =>
  [secret, secret.split('.')[2] ?? secret].flatMap((part) => [
    part,
    encodeURIComponent(part),
    Buffer.from(part).toString('base64'),
  ])

function expectNone(told: Record<string, string>, secrets: Record<string, string>): void {
  for (const [where, what] of Object.entries(told)) {
    expect(what.length, where).toBeGreaterThan(10)
    const found = Object.entries(secrets).flatMap(([name, secret]) =>
      partsOf(secret).some((part) => what.includes(part)) ? [name] : [],
    )
    expect({ where, found }).toEqual({ where, found: [] })
  }
}

test('a secret is told to nobody but who is given it: not by answers, logs, events, the audit, rows, files, programs, hooks, or in lists of processes', async () => {
  const folder = await temporaryFolder('knit-secrets-')
  onTestFinished(() => folder.remove())
  const hook = await hookServer()
  const place = join(folder.path, 'home')
  const password = canary('password')
  const home = await startHomeWith(place, {
    args: ['--auth'],
    env: { PGPASSWORD: password, KNIT_HOOKS_AFTER: hook.url, KNIT_LOG_LEVEL: 'debug' },
  })
  const [signingKey, token] = ['signing-key', 'token'].map((name) =>
    readFileSync(join(place, name), 'utf8'),
  ) as [string, string]
  const api = connectApi({ apiRoot: home.apiRoot, token })
  const made = async (name: string, role: 'viewer' | 'user') =>
    (await api.call(tokens.create, { body: { name, role } })).secret
  const [user, revoked] = [await made('ann', 'user'), await made('bob', 'viewer')]
  await api.call(tokens.revoke, { name: 'bob' })
  const begun = await fetch(`${home.apiRoot}/backend/data/import/begin`, {
    method: 'POST',
    headers: { authorization: `Bearer ${user}` },
  })
  const ticket = await begun.text()
  const secrets = { signingKey, token, user, revoked, ticket, password, wrong: canary('wrong') }

  const told: Record<string, string> = { 'processes at the beginning': processes() }
  const heard = await listen(home, token)
  Object.assign(told, {
    log: await logOfSpy(connectApi({ apiRoot: home.apiRoot, token: user }), folder.path, place),
  })
  const all = Object.entries(secrets)
  for (const [name, secret] of all) told[`answers to ${name}`] = await knock(home, secret)
  const said = all.map(async ([name, secret]) => {
    told[`knit with ${name}`] = await toldByKnit(folder.path, home, secret)
  })
  await Promise.all(said)
  expect(await api.call(access.whoami, {})).toMatchObject({ role: 'admin' })
  told['metrics'] = await (
    await fetch(home.apiRoot.replace(/api$/, 'metrics'), {
      headers: { authorization: `Bearer ${token}` },
    })
  ).text()
  await until(() => hook.calls.length > 0)
  told['events'] = heard()
  expect(told['events']).toContain('"status":"done"')
  told['audit'] = JSON.stringify(await api.call(admin.audit, {}))
  told['tokens'] = JSON.stringify(await api.call(tokens.list, {}))
  told['hooks'] = JSON.stringify(hook.calls)
  told['processes'] = processes()
  told['rows'] = await rowsOf(place)
  told['files'] = filesOf(place)
  await home.stop()
  told['output'] = home.output()

  expectNone(told, secrets)
  const modes = execFileSync('stat', ['-c', '%a', ...keeping.map((name) => join(place, name))])
  expect(modes.toString()).toBe('600\n600\n600\n')
})

const root = new URL('../../', import.meta.url).href

/** A function as in a cluster, a process of its own; of what it needs nothing answers. */
function startFunction(folder: string, env: Record<string, string>) {
  const program = `
    import { serve } from '${root}shared/runtime/serve.ts'
    import fn from '${root}functions/${folder}/function.ts'
    serve(fn)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { PATH: process.env['PATH'], KNIT_HOST: '127.0.0.1', KNIT_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => (output += piece.toString()))
  const closed = once(child, 'close')
  return {
    /** Where it listens, once it does. */
    port: () => until(() => /"port":(\d+)/.exec(output)?.[1] ?? child.exitCode),
    /** What it has said when it has ended by itself, and its exit code. */
    ended: async () => ({ code: ((await closed) as unknown[])[0], output }),
    /** What it has said by the time it has ended, which it is told to. */
    async stop(): Promise<string> {
      child.kill('SIGTERM')
      await closed
      return output
    },
  }
}

const urlWith = (password: string): string => `postgres://knit:${password}@127.0.0.1:1/none`

test('a gateway tells neither what it was given nor what it was asked with: the password of its database, its keys, tokens of the provider', async () => {
  await using provider = await startProvider()
  const second = Math.floor(Date.now() / 1000)
  const secrets = {
    password: canary('password'),
    signingKey: canary('signing-key'),
    token: canary('token'),
    idToken: await provider.sign(),
    accessToken: await provider.sign({ aud: 'knit' }, { typ: 'at+jwt' }),
    ofNobody: await provider.sign({ groups: [] }),
    expired: await provider.sign({ exp: second - 600 }),
    ofAnother: await provider.sign({ aud: 'another' }),
    ofOtherKey: await provider.sign({}, { kid: 'unknown' }),
    wrong: canary('wrong'),
  }
  const { port, stop } = startFunction('gateway', {
    KNIT_DATABASE_URL: urlWith(secrets.password),
    KNIT_SIGNING_KEY: secrets.signingKey,
    KNIT_TOKEN: secrets.token,
    KNIT_FUNCTION_URL: 'http://127.0.0.1:1/{function}',
    KNIT_LOG_LEVEL: 'debug',
    KNIT_MAX_FAILED_SIGN_INS: '1000',
    KNIT_OIDC_ISSUER: provider.issuer,
    KNIT_OIDC_ROLE_CLAIM: 'groups',
    KNIT_OIDC_USERS: 'team',
  })
  const apiRoot = `http://127.0.0.1:${await port()}/api`
  const told: Record<string, string> = {}
  for (const [name, secret] of Object.entries(secrets))
    told[`answers to ${name}`] = await knock({ apiRoot }, secret)
  expect(told['answers to idToken']).toMatch(/^503 /m)
  expect(told['answers to expired']).not.toMatch(/^503 /m)
  told['processes'] = processes()
  told['output'] = await stop()
  expect(told['output']).toMatch(/ECONNREFUSED/)
  expectNone(told, secrets)
})

test('a step tells neither the key by which events are signed, nor what that makes of one, nor the password of its database', async () => {
  const keys = { release: 'knitfab', signingKey: canary('signing-key') }
  const data = { runId: crypto.randomUUID(), attempt: 1 }
  const event = { id: crypto.randomUUID(), name: 'run.completing' as const, subject: data.runId }
  const signed = toCloudEvent({ ...event, data, time: new Date() }, 'test', keys)
  const secrets = {
    ...keys,
    password: canary('password'),
    signature: String(signed['knitsignature']),
    forged: canary('forged'),
  }
  const { port, stop } = startFunction('steps/finish-run', {
    KNIT_DATABASE_URL: urlWith(secrets.password),
    KNIT_SIGNING_KEY: secrets.signingKey,
    KNIT_LOG_LEVEL: 'debug',
  })
  const told: Record<string, string> = {}
  const url = `http://127.0.0.1:${await port()}/`
  const deliver = async (what: string, more: object) => {
    const { headers, body } = HTTP.binary(signed.cloneWith(more))
    const init = { method: 'POST', headers: headers as Record<string, string>, body: String(body) }
    const response = await fetch(url, init)
    told[`answer to ${what}`] = `${response.status} of the step: ${await response.text()}`
  }
  await deliver('one that is signed', {})
  await deliver('one that somebody else has signed', { knitsignature: secrets.forged })
  await deliver('one of no type', { type: 'none', knitsignature: secrets.forged })
  expect(told['answer to one that is signed']).toMatch(/^5/)
  expect(told['answer to one that somebody else has signed']).toMatch(/^4/)
  told['output'] = await stop()
  const { release: _, ...all } = secrets
  expectNone(told, all)
})

test.for([
  ['KNIT_DATABASE_URL is not a URL', 'postgres://knit:CANARY#@host/db'],
  ['KNIT_DATABASE_URL is not a URL', 'postgres://knit:%CANARY@host/db'],
  ['KNIT_SIGNING_KEY: ', 'postgres:///db', 'short'],
])(
  'settings that are not as they should be are named, and not told: %s %s',
  async ([what = '', url = '', cut]) => {
    const secrets = {
      password: canary('password'),
      signingKey: canary('key'),
      token: canary('token'),
    }
    const signingKey = cut ? `canary ${process.pid}` : secrets.signingKey
    const { ended } = startFunction('gateway', {
      KNIT_DATABASE_URL: url.replace('CANARY', secrets.password),
      KNIT_SIGNING_KEY: signingKey,
      KNIT_TOKEN: secrets.token,
    })
    const { code, output } = await ended()
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(what) })
    expectNone({ output }, { ...secrets, signingKey })
  },
)
