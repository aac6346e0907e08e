import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { knit, tempDir } from './testing.ts'

/** Writes down how it was called, and ends with 7. */
const witness = `#!/bin/sh
{ for word in "$@"; do echo "word $word"; done
  echo "profile $KNIT_PROFILE"; echo "store $KNIT_PROFILE_STORE"; echo "env $KNIT_ENV"
  echo "in $PWD"; } > "$WITNESS"
exit 7
`

/** A directory to be in, with programs on the PATH in another. */
function world(programs: Record<string, string> = { 'knit-hello': witness }) {
  const [cwd, bin] = [tempDir(), tempDir()]
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), text)
    chmodSync(join(bin, name), 0o755)
  }
  const env = { PATH: bin, WITNESS: join(cwd, 'witness'), KNIT_PROFILE_STORE: join(cwd, 'store') }
  return {
    cwd,
    bin,
    env,
    knit: (words: string[], more: Record<string, string> = {}) =>
      knit(words, cwd, { env: { ...env, ...more } }),
    seen: () => readFileSync(env.WITNESS, 'utf8').split('\n').slice(0, -1),
  }
}

test('a program knit-NAME on the PATH is the command NAME, and its exit code is that of knit', async () => {
  const { cwd, knit, seen } = world()
  expect(await knit(['hello', 'a b', '--name=x', '-n', '1'])).toEqual({
    code: 7,
    stdout: '',
    stderr: '',
  })
  expect(seen()).toEqual([
    'word a b',
    'word --name=x',
    'word -n',
    'word 1',
    `profile ${cwd}`,
    `store ${join(cwd, 'store')}`,
    `env ${join(cwd, 'knitenv')}`,
    `in ${cwd}`,
  ])
})

test('our flags are told to an extension by its environment, wherever they stand', async () => {
  const { cwd, knit, seen } = world()
  await knit(['--profile', 'p', 'hello', '--env=e', 'x', '--profile-store', 's'])
  expect(seen()).toEqual([
    'word x',
    'profile p',
    `store ${join(cwd, 's')}`,
    `env ${join(cwd, 'e')}`,
    `in ${cwd}`,
  ])
})

test('behind -- everything is left to the extension, and --help is always its own', async () => {
  const { knit, seen } = world()
  await knit(['hello', '--help', '--', '--profile', 'p'])
  expect(seen().slice(0, 4)).toEqual(['word --help', 'word --', 'word --profile', 'word p'])
})

test('neither profile nor knitenv is read for an extension', async () => {
  const { cwd, knit, seen } = world()
  writeFileSync(join(cwd, 'knitenv'), 'tag: [')
  writeFileSync(join(cwd, '.knitprofile'), 'unknown\n')
  expect((await knit(['hello'])).code).toBe(7)
  expect(seen().slice(0, 1)).toEqual(['profile unknown'])
})

test('a knit that an extension calls takes what it was told, also a knitenv that is not there', async () => {
  const { cwd } = world()
  const env = { KNIT_ENV: join(cwd, 'knitenv') }
  expect((await knit(['plan', 'template', '--scratch'], cwd, { env })).code).toBe(0)
})

test('the first on the PATH counts, and what is no program does not', async () => {
  const { bin, knit, seen } = world()
  const other = tempDir()
  mkdirSync(join(other, 'knit-folder'))
  writeFileSync(join(other, 'knit-plain'), witness)
  writeFileSync(join(other, 'knit-hello'), '#!/bin/sh\nexit 4\n')
  chmodSync(join(other, 'knit-hello'), 0o755)
  symlinkSync(join(bin, 'knit-hello'), join(other, 'knit-two-words.exe'))
  const PATH = [join(other, 'none'), other, bin].join(delimiter)
  for (const name of ['plain', 'folder']) expect((await knit([name], { PATH })).code).toBe(2)
  expect((await knit(['two-words', 'x'], { PATH })).code).toBe(7)
  expect(seen()[0]).toBe('word x')
  expect((await knit(['hello'], { PATH })).code).toBe(4)
  expect((await knit(['hello'], { PATH: [bin, other].join(delimiter) })).code).toBe(7)
})

test('an empty place on the PATH is the directory one is in', async () => {
  const { cwd, knit } = world({})
  writeFileSync(join(cwd, 'knit-here'), '#!/bin/sh\nexit 3\n')
  chmodSync(join(cwd, 'knit-here'), 0o755)
  expect((await knit(['here'], { PATH: `/none${delimiter}` })).code).toBe(3)
})

test('the help lists extensions, and tells of one that is never run', async () => {
  const { bin, knit } = world({ 'knit-hello': witness, 'knit-data': witness })
  const { code, stderr } = await knit(['--help'])
  expect(code).toBe(0)
  expect(stderr).toContain(` hello    (= ${join(bin, 'knit-hello')})\n`)
  expect(stderr).toMatch(/\n +data +Push, find/)
  expect(stderr).toContain(`${join(bin, 'knit-data')} is never run: data is a command of knit`)
  expect((await knit(['data', 'constructor'])).code).toBe(2)
})

test('a mistyped extension is suggested', async () => {
  const { knit } = world()
  expect((await knit(['helo'])).stderr).toContain('did you mean knit hello?')
})

test('knit help COMMAND shows the help of the command', async () => {
  const { knit } = world({})
  expect(await knit(['help', 'data', 'pull'])).toEqual(await knit(['data', 'pull', '--help']))
  expect(await knit(['help'])).toEqual(await knit(['--help']))
  expect((await knit(['help', 'nothing'])).code).toBe(2)
})
