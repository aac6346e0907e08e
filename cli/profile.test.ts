import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { parse } from 'yaml'
import { expect, onTestFinished, test, vi } from 'vitest'
import { stubOfTheWire, unknownPath, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import { knit, projectFor, serverThat, tempDir } from './testing.ts'

const profile = 'apiRoot: http://127.0.0.1:1/api\ncert: {}\n'
const storeOf = (dir: string) => parse(readFileSync(join(dir, 'store'), 'utf8'))

test('init saves the profile under the path of the directory, for its owner alone', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'given'), profile)
  const { code, stdout, stderr } = await knit(['init', 'given'], dir)
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toMatch(
    /^\[knit init\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d saved the profile ".*" in .*store\n/,
  )
  expect(storeOf(dir)).toEqual({ [dir]: { apiRoot: 'http://127.0.0.1:1/api', cert: {} } })
  expect(readFileSync(join(dir, '.knitprofile'), 'utf8')).toBe(dir)
  expect(statSync(join(dir, 'store')).mode & 0o777).toBe(0o600)
  expect(statSync(join(dir, '.knitprofile')).mode & 0o777).toBe(0o600)
})

test('init keeps a token that is read from a file, or from stdin, or stands in the profile', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'given'), profile)
  writeFileSync(join(dir, 'secret'), 'of a file\n')
  await knit(['init', 'given', '--token-file', 'secret'], dir)
  expect(storeOf(dir)).toMatchObject({ [dir]: { token: 'of a file' } })
  const stdin = Readable.from(['of stdin\n'])
  await knit(['init', 'given', '--token-file', '-'], dir, { stdin })
  expect(storeOf(dir)).toMatchObject({ [dir]: { token: 'of stdin' } })
  writeFileSync(join(dir, 'given'), `${profile}token: of the profile\n`)
  await knit(['init', 'given'], dir)
  expect(storeOf(dir)).toMatchObject({ [dir]: { token: 'of the profile' } })
  writeFileSync(join(dir, 'secret'), '\n')
  const empty = await knit(['init', 'given', '--token-file', 'secret'], dir)
  expect(empty).toMatchObject({ code: 1, stderr: expect.stringContaining('secret of a token') })
})

test.each<[StubAnswer | 'hang up', string]>([
  [{ json: { name: 'token:ann', role: 'user' } }, 'answers; there you are token:ann (user)'],
  [
    { status: 401, json: { code: 'unauthorized', title: 'No', detail: 'Who are you?' } },
    'Who are you? (HTTP 401); try: knit login, or',
  ],
  [unknownPath, 'this server asks nobody who they are, and lets everybody do everything'],
  [{ body: '<html>' }, 'is this the API of Knitfab?'],
  ['hang up', 'cannot reach http://127.0.0.1:'],
])('init saves the profile, asks the server once, and says of %j: %s', async (answer, says) => {
  await using stub = await stubOfTheWire(() => answer)
  const dir = tempDir()
  const withSecret = stub.apiRoot.replace('//', '//any:hidden@')
  writeFileSync(join(dir, 'given'), `apiRoot: ${withSecret}\n`)
  const { code, stdout, stderr } = await knit(['init', 'given'], dir)
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  const [saved, found, ...rest] = stderr.split('\n')
  expect(saved).toContain('saved the profile')
  expect(found).toContain(says)
  expect(rest).toEqual([''])
  expect(stderr).not.toContain('hidden')
  expect(storeOf(dir)).toEqual({ [dir]: { apiRoot: withSecret } })
  expect(stub.requests.map(({ url }) => url)).toEqual(['/api/whoami'])
})

test('init shows the token of the profile to the server, and no sign-in of before', async () => {
  await using stub = await stubOfTheWire(() => ({ json: { name: 'ann', role: 'user' } }))
  const dir = tempDir()
  writeFileSync(join(dir, 'given'), `apiRoot: ${stub.apiRoot}\ntoken: secret\n`)
  await knit(['init', 'given'], dir)
  expect(stub.requests[0]?.headers.authorization).toBe('Bearer secret')
})

test('init does not wait for a server that is silent', async () => {
  const over = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort())
  onTestFinished(() => over.mockRestore())
  await using silent = await serverThat(() => {})
  const dir = tempDir()
  writeFileSync(join(dir, 'given'), `apiRoot: ${silent.apiRoot}\n`)
  const { code, stderr } = await knit(['init', 'given'], dir)
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining(`${silent.apiRoot} has not answered yet\n`),
  })
})

test('init --quiet asks nobody', async () => {
  await using stub = await stubOfTheWire(() => ({}))
  const dir = tempDir()
  writeFileSync(join(dir, 'given'), `apiRoot: ${stub.apiRoot}\n`)
  expect(await knit(['init', 'given', '-q'], dir)).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(stub.requests).toEqual([])
})

test('init below a project leaves the profile of that project alone', async () => {
  const dir = projectFor({ apiRoot: 'http://127.0.0.1:1/api' })
  const below = join(dir, 'below')
  mkdirSync(below)
  writeFileSync(join(below, 'given'), profile)
  const env = { KNIT_PROFILE_STORE: join(dir, 'store') }
  expect((await knit(['init', 'given'], below, { env })).code).toBe(0)
  expect(Object.keys(storeOf(dir))).toEqual(['test', below])
})

test('init asks who sits at a terminal before it replaces a profile that others may use', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'given'), profile)
  writeFileSync(join(dir, 'other'), 'apiRoot: http://127.0.0.1:2/api\n')
  writeFileSync(join(dir, 'store'), `team:\n    ${profile.replace('\n', '\n    ')}`)
  const init = (words: string[], text = '') =>
    knit(['init', ...words], dir, {
      stdin: Object.assign(Readable.from([text]), { isTTY: true }),
      terminal: true,
    })
  expect((await init(['given', '--profile', 'team'])).stderr).toMatch(/^\[.* replaced/)
  expect((await init(['given'])).stderr).toContain('replaced the profile "team"')
  writeFileSync(join(dir, '.knitprofile'), 'mine')
  const refused = await init(['other', '--profile', 'team'], 'n\n')
  expect(refused.stderr).toMatch(/Replace the profile "team" in .*\? \[y\/N\] /)
  expect(storeOf(dir).team.apiRoot).toBe('http://127.0.0.1:1/api')
  await init(['other', '--profile', 'team', '--yes'])
  expect(storeOf(dir).team.apiRoot).toBe('http://127.0.0.1:2/api')
  expect((await init(['given'])).stderr).toMatch(/^\[.* replaced the profile "team"/)
})

test.each([
  ['apiRoot: here\n', 'apiRoot: expected the URL of an API'],
  ['apiRoot: localhost:30803/api\n', 'apiRoot: expected the URL of an API'],
  ['apiRoot: ftp://h/api\n', 'apiRoot: expected the URL of an API'],
  ['cert: {}\n', 'apiRoot: '],
  [
    'apiRoot: http://h/api\ncert: {ca: "!!"}\n',
    'cert.ca: expected the base64 of a PEM certificate',
  ],
  ['apiRoot: [', 'cannot be read'],
])('init refuses the profile %j and saves nothing', async (text, message) => {
  const dir = tempDir()
  writeFileSync(join(dir, 'given'), text)
  const { code, stderr } = await knit(['init', 'given'], dir)
  expect(code).toBe(1)
  expect(stderr).toContain(message)
  expect(() => statSync(join(dir, 'store'))).toThrow()
})

test('the nearest .knitprofile above counts, then $KNIT_PROFILE, then --profile', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [] }))
  const dir = projectFor(stub)
  const deep = join(dir, 'a/b')
  mkdirSync(join(dir, 'a/.knitprofile'), { recursive: true })
  mkdirSync(deep)
  const env = { KNIT_PROFILE_STORE: join(dir, 'store') }
  expect((await knit(['data', 'find'], deep, { env })).code).toBe(0)
  const named = await knit(['data', 'find'], deep, { env: { ...env, KNIT_PROFILE: 'other' } })
  expect(named.stderr).toContain('there is no profile "other"')
  const words = ['--profile', 'test', 'data', 'find']
  expect((await knit(words, deep, { env: { ...env, KNIT_PROFILE: 'other' } })).code).toBe(0)
})

test('a variable that is empty is as good as none', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [] }))
  const dir = projectFor(stub)
  mkdirSync(join(dir, '.knit'))
  renameSync(join(dir, 'store'), join(dir, '.knit/profile'))
  const env = { KNIT_PROFILE: '', KNIT_PROFILE_STORE: '', KNIT_ENV: '' }
  expect(await knit(['data', 'find'], dir, { env })).toEqual({
    code: 0,
    stdout: '[]\n',
    stderr: '',
  })
  expect((await knit(['plan', 'template', '--scratch'], dir, { env })).code).toBe(0)
})

test('without a profile the error says how to get one', async () => {
  const dir = tempDir()
  expect(await knit(['data', 'find'], dir)).toEqual({
    code: 1,
    stdout: '',
    stderr: `there is no profile "${dir}" in ${join(dir, 'store')}\ntry: knit local start --detach, or with a profile file of another system: knit init KNIT_PROFILE_FILE\n`,
  })
})

test('with a local home, the error names its profile', async () => {
  const dir = tempDir()
  mkdirSync(join(dir, 'no-home'))
  writeFileSync(join(dir, 'no-home/knitprofile'), profile)
  const { stderr } = await knit(['data', 'find'], dir)
  expect(stderr).toContain(`try: knit init ${join(dir, 'no-home/knitprofile')}\n`)
})

test('a knitenv that is named by a flag and missing is an error', async () => {
  const { code, stderr } = await knit(['plan', 'template', '--scratch', '--env', 'none'], tempDir())
  expect(code).toBe(1)
  expect(stderr).toContain('there is no file')
})

test('a key that means nothing in a knitenv is told', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'knitenv'), 'tags: ["a:b"]\n')
  const { code, stderr } = await knit(['plan', 'template', '--scratch'], dir)
  expect(code).toBe(0)
  expect(stderr).toContain('"tags" means nothing here; did you mean tag?')
})

const two = {
  one: { apiRoot: 'http://127.0.0.1:1/api', cert: {} },
  two: { apiRoot: 'http://127.0.0.1:2/api', cert: {}, token: 'secret' },
}

/** A directory with a store of two profiles. */
function withTwo(): string {
  const dir = tempDir()
  writeFileSync(join(dir, 'store'), JSON.stringify(two))
  return dir
}

test('profile use says which one counts here, and profile list shows it, without secrets', async () => {
  const dir = withTwo()
  expect(JSON.parse((await knit(['profile', 'list'], dir)).stdout)).toEqual([
    { name: 'one', apiRoot: 'http://127.0.0.1:1/api', used: false },
    { name: 'two', apiRoot: 'http://127.0.0.1:2/api', used: false },
  ])
  expect((await knit(['profile', 'use', 'two'], dir)).code).toBe(0)
  expect(readFileSync(join(dir, '.knitprofile'), 'utf8')).toBe('two')
  expect((await knit(['profile', 'list', '--output', 'table'], dir)).stdout).toMatch(
    /^NAME +API ROOT +USED HERE\none +\S+\ntwo +\S+ +yes\n$/,
  )
})

test('profile list names one that cannot be used as well, which profile use explains and profile rm forgets', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'store'), JSON.stringify({ ...two, broken: { apiRoot: 'here' } }))
  const listed = await knit(['profile', 'list'], dir)
  expect(listed).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { name: 'one' },
    { name: 'two' },
    { name: 'broken', used: false },
  ])
  const table = await knit(['profile', 'list', '--output', 'table'], dir)
  expect(table.stdout).toMatch(/^broken +\(cannot be used\)$/m)
  const { code, stderr } = await knit(['profile', 'use', 'broken'], dir)
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('apiRoot: ') })
  expect((await knit(['profile', 'rm', 'broken'], dir)).code).toBe(0)
  expect(storeOf(dir)).toEqual(two)
})

test('profile rm forgets one, asking who sits at a terminal', async () => {
  const dir = withTwo()
  const stdin = Object.assign(Readable.from(['n\n']), { isTTY: true })
  const asked = await knit(['profile', 'rm', 'two'], dir, { stdin, terminal: true })
  expect(asked.stderr).toContain('[y/N]')
  expect(storeOf(dir)).toEqual(two)
  expect((await knit(['profile', 'rm', 'two'], dir)).code).toBe(0)
  expect(storeOf(dir)).toEqual({ one: two.one })
})

test.each(['use', 'rm'])(
  'profile %s of one that is not there suggests one that is',
  async (verb) => {
    const { code, stderr } = await knit(['profile', verb, 'wto'], withTwo())
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^there is no profile "wto" in .*store; did you mean two\?\ntry: knit profile list\n$/,
    )
  },
)
