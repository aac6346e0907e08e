import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { access } from '#shared/contracts/access.ts'
import { tokens } from '#shared/contracts/tokens.ts'
import { databaseOf } from '#tests/support/home-database.ts'
import { ended, pullText, pushText, shellPlan } from '#tests/support/home-work.ts'
import { hookServer } from '#tests/support/hook-server.ts'
import { startHomeWith, temporaryFolder, type RunningHome } from '#tests/support/local-home.ts'
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
async function knock({ apiRoot }: RunningHome, secret: string): Promise<string> {
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

test('a secret is told to nobody but who is given it: not by answers, logs, events, rows, files, programs, hooks, or in lists of processes', async () => {
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

  const told: Record<string, string> = {
    log: await logOfSpy(connectApi({ apiRoot: home.apiRoot, token: user }), folder.path, place),
  }
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
  told['hooks'] = JSON.stringify(hook.calls)
  told['processes'] = processes()
  told['rows'] = await rowsOf(place)
  told['files'] = filesOf(place)
  await home.stop()
  told['output'] = home.output()

  for (const [where, what] of Object.entries(told)) {
    expect(what.length, where).toBeGreaterThan(10)
    const found = all.flatMap(([name, secret]) =>
      what.includes(secret) || what.includes(Buffer.from(secret).toString('base64')) ? [name] : [],
    )
    expect({ where, found }).toEqual({ where, found: [] })
  }
  const modes = execFileSync('stat', ['-c', '%a', ...keeping.map((name) => join(place, name))])
  expect(modes.toString()).toBe('600\n600\n600\n')
})
