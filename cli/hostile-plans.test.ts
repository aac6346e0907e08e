import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { knit, projectFor } from './testing.ts'

const plan = 'image: a/b:v1\ninputs:\n  - path: /in\n    tags: ["a:b"]\n'
const nested = (depth: number, open: string, inside = '', close = '') =>
  open.repeat(depth) + inside + close.repeat(depth)
const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => `${line(index)}\n`).join('')
const letters = [...'bcdefghi']

/** Documents that have broken those who read them. None is a plan. */
const documents: Record<string, string | Buffer> = {
  nothing: '',
  'a blank': ' ',
  'a NUL': '\0',
  'a mark of byte order': '\ufeff',
  'UTF-16': Buffer.from(`\ufeff${plan}`, 'utf16le'),
  'bytes that are no text': Buffer.from(Array.from({ length: 4000 }, (_, at) => at % 256)),
  'a gzip': Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  'half a mapping': '{image: a/b:v1, inputs: [',
  'half a text': 'image: "a/b:v1',
  'a text of backslashes that does not end': `image: "${'\\'.repeat(60_001)}`,
  'tabs for blanks': 'image: a/b:v1\ninputs:\n\t- path: /in\n',
  'newlines alone': '\n'.repeat(60_000),
  'a comment without an end': '#'.repeat(60_000),
  'aliases of aliases of aliases': `a: &a [x, x, x, x, x, x, x, x, x]\n${letters
    .map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[at]}`).join(', ')}]\n`)
    .join('')}`,
  'merges of merges of merges': `a: &a {x: 1}\n${letters
    .map(
      (name, at) => `${name}: &${name} {<<: [${Array(9).fill(`*${'abcdefgh'[at]}`).join(', ')}]}\n`,
    )
    .join('')}`,
  'an alias of itself': `${plan}args: &a [*a]\n`,
  'a merge of itself': `${plan}resources: &a {<<: *a}\n`,
  'an alias of nothing': `${plan}args: [*nobody]\n`,
  'very many aliases': `${plan}args:\n  - &a x\n${lines(10_000, () => '  - *a')}`,
  'very many anchors': lines(4000, (at) => `a${at}: &x${at} 1`),
  'a merge of a list': `${plan}<<: [1, 2]\n`,
  'a merge of a prototype': `${plan}<<: {__proto__: {polluted: 1}}\n`,
  'a prototype': `${plan}__proto__: {polluted: 1}\n`,
  'a prototype of a list': `image: a/b:v1\ninputs: {__proto__: {length: 1}}\n`,
  'a constructor': `${plan}constructor: {prototype: {polluted: 1}}\n`,
  'a key twice': `${plan}image: other\n`,
  'a key twice, in quotes': `${plan}"image": other\n`,
  'the same key again and again': lines(9000, () => 'image: 1'),
  'very many keys': lines(6000, (at) => `k${at}: 1`),
  'a key that is a list': `? [image]\n: a/b:v1\n`,
  'keys that are mappings whose keys are mappings': `${nested(40, '? ')}a`,
  'very many keys that are mappings whose keys are mappings': nested(30_000, '? '),
  'lists in lists': nested(30_000, '[', '', ']'),
  'lists in lists that never end': nested(60_000, '['),
  'lists in lists, as lines': nested(30_000, '- ', 'a'),
  'lists in lists, where a tag is wanted': `image: a/b:v1\ninputs: [{path: /in, tags: ${nested(20_000, '[', '', ']')}}]\n`,
  'mappings in mappings': nested(12_000, '{a: ', '1', '}'),
  'mappings in mappings, as lines': lines(340, (at) => `${' '.repeat(at)}a:`),
  'mappings in mappings, in a line': nested(20_000, 'a: '),
  'very many documents': '---\n'.repeat(16_000),
  'another document behind the plan': `${plan}---\n${plan}`,
  'very many directives': `${'%TAG ! tag:x,\n'.repeat(4000)}---\n${plan}args: !x 1\nkey: 1\n`,
  'a function': `image: !!js/function 'function () { process.exit(7) }'\n`,
  'an object of another language': `image: !!python/object/apply:os.system ["touch /tmp/evil"]\n`,
  'a file of this machine': `image: !include /etc/passwd\nkey: 1\n`,
  'a set where a list is wanted': `image: a/b:v1\ninputs: !!set {a, b}\n`,
  'more than any plan': `${plan}args: ["${'x'.repeat(1 << 20)}"]\n`,
  'not a number': `${plan}resources: {cpu: .nan}\n`,
  'a number without end': `${plan}resources: {cpu: .inf}\n`,
  'half a character': `${plan}outputs: [{path: /o, tags: ["a:\\ud800"]}]\n`,
  'a list': '- a\n- b\n',
  'a text': 'image',
}

/** What is a plan as far as can be seen here is sent as the text that it is; the server has the last word. */
const asText: Record<string, string> = {
  'a NUL in the middle': `${plan}args: ["a\0b"]\n`,
  'a number of many digits': `${plan}resources: {cpu: ${'9'.repeat(10_000)}}\n`,
  'a NUL by its name': `${plan}args: ["\\0"]\n`,
  'a path that leads out': `${plan}outputs: [{path: /o/../../etc, tags: []}]\n`,
}

test('there are at least forty of them', () => {
  expect(Object.keys(documents).length).toBeGreaterThanOrEqual(40)
})

test.for(Object.keys(documents))(
  '%s is refused in two lines that name the file, before anybody is asked',
  async (what) => {
    await using server = await stubOfTheWire(() => ({ json: {} }))
    const dir = projectFor(server)
    writeFileSync(join(dir, 'plan.yaml'), documents[what] ?? '')
    const { code, stdout, stderr } = await knit(['plan', 'apply', 'plan.yaml'], dir)
    expect({ code, stdout, stderr: stderr.slice(0, 300) }).toMatchObject({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^.*plan\.yaml.*\ntry: .*\n$/)
    expect(stderr).not.toMatch(/call stack|RangeError|\bat .*\.ts:/)
    // Whoever writes much is not shown it again.
    expect(stderr.length).toBeLessThan(2000)
    expect(server.requests).toEqual([])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  },
)

test.for(Object.keys(asText))('%s is sent as a text', async (what) => {
  await using server = await stubOfTheWire(() => ({
    status: 400,
    json: { message: 'bad request' },
  }))
  const dir = projectFor(server)
  writeFileSync(join(dir, 'plan.yaml'), asText[what] ?? '')
  const { code, stdout } = await knit(['plan', 'apply', 'plan.yaml'], dir)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  const [sent] = server.requests
  expect(JSON.parse(String(sent?.body))).toMatchObject({ image: 'a/b:v1' })
})
