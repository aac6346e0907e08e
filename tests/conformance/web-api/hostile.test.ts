import { once } from 'node:events'
import { expect } from 'vitest'
import { makeData } from '#tests/support/makers.ts'
import { begin } from '#tests/support/over-socket.ts'
import { until } from '#tests/support/until.ts'
import type { TestWorld } from '#tests/support/world.ts'
import { nobody, planSpec, test, type Ask } from './wire.ts'

const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(',')
const nested = (depth: number, open: string, close: string, inside = ''): string =>
  open.repeat(depth) + inside + close.repeat(depth)
const inputs = '"inputs":[{"path":"/in","tags":["a:b"]}]'
const image = () => JSON.stringify((planSpec() as { image: string }).image)

/** Documents that have broken servers. None may be registered as a plan, but for those of `harmless`. */
const documents: Record<string, string> = {
  nothing: '',
  'a blank': ' ',
  'a NUL': '\0',
  'a mark of byte order': '\ufeff{}',
  'no JSON': 'plan: {}',
  'YAML with an alias': 'a: &a [*a]',
  'half a document': '{"image":"a/b:1","inputs":[',
  'a trailing comma': '{"image":"a/b:1",}',
  'single quotes': "{'image':'a/b:1'}",
  'a comment': '/* */{}',
  NaN: '{"resources":{"cpu":NaN}}',
  Infinity: '{"resources":{"cpu":Infinity}}',
  'a number that is too large': '{"resources":{"cpu":1e999}}',
  'a number of many digits': `{"resources":{"cpu":${'9'.repeat(10_000)}}}`,
  'an exponent without end': '{"resources":{"cpu":"1e9999999999"}}',
  'a quantity of many digits': `{"resources":{"cpu":"${'9'.repeat(10_000)}Ei"}}`,
  'a quantity of many zeros': `{"resources":{"cpu":"0.${'0'.repeat(10_000)}1"}}`,
  'a fraction that stops no pattern': `{"resources":{"cpu":"${'1'.repeat(60_000)}x"}}`,
  'lists in lists': nested(30_000, '[', ']'),
  'objects in objects': nested(9000, '{"a":', '}', '1'),
  'lists in lists, where a tag is wanted': `{"inputs":[{"path":"/in","tags":${nested(20_000, '[', ']')}}]}`,
  'lists in lists, beside a quantity that is a number': `{"x":${nested(29_000, '[', ']')},"resources":{"cpu":1},"image":"a/b:1",${inputs}}`,
  'lists in lists that never end': '['.repeat(60_000),
  'objects in objects that never end': '{"a":'.repeat(12_000),
  'objects in objects, where a quantity is wanted': `{"resources":{"cpu":${nested(9000, '{"a":', '}', '1')}}}`,
  'very many keys': `{${many(5000, (i) => `"k${i}":1`)}}`,
  'very many keys, where names are free': `{"resources":{${many(4000, (i) => `"k${i}":"x"`)}}}`,
  'the same key again and again': `{${many(6000, () => '"image":1')}}`,
  'the same key in other letters': `{${many(3000, (i) => (i % 2 ? '"IMAGE":1' : '"image":2'))}}`,
  'very many inputs': `{"image":"a/b:1","inputs":[${many(1000, (i) => `{"path":"/${i}","tags":["a:b"]}`)}]}`,
  'very many tags': `{"image":"a/b:1","inputs":[{"path":"/in","tags":[${many(1000, (i) => `"a:${i}"`)}]}]}`,
  'very many tags that are none': `{"inputs":[{"path":"/in","tags":[${many(30_000, () => '1')}]}]}`,
  'a tag of a megabyte': `{"image":"a/b:1","inputs":[{"path":"/in","tags":["a:${'x'.repeat(1 << 20)}"]}]}`,
  'a plan of a megabyte': `{"image":"a/b:1","args":["${'x'.repeat(1 << 20)}"],${inputs}}`,
  'a tag with NUL': '{"image":"a/b:1","inputs":[{"path":"/in","tags":["a:\\u0000"]}]}',
  'half a character': '{"image":"a/b:1","inputs":[{"path":"/in","tags":["a:\\ud800"]}]}',
  'a path with NUL': '{"image":"a/b:1","inputs":[{"path":"/in\\u0000","tags":["a:b"]}]}',
  'a path that leads out': '{"image":"a/b:1","inputs":[{"path":"/in/../../etc","tags":["a:b"]}]}',
  'a path without end': `{"image":"a/b:1","inputs":[{"path":"${'/a'.repeat(3000)}","tags":["a:b"]}]}`,
  'an argument with NUL': `{"image":"a/b:1","args":["\\u0000"],${inputs}}`,
  'an annotation with NUL': `{"image":"a/b:1","annotations":["a=\\u0000"],${inputs}}`,
  'an account that is a path': `{"image":"a/b:1","service_account":"../../admin",${inputs}}`,
  'an image that is a URL': `{"image":"https://evil.test/a:1",${inputs}}`,
  'an image with a newline': `{"image":"a/b:1\\nFROM evil",${inputs}}`,
  'an image that is an option': `{"image":"--privileged",${inputs}}`,
  'a label that stops no pattern': `{"image":"a/b:1","on_node":{"must":["${'a-'.repeat(200)}=b"]},${inputs}}`,
  'a prototype that is a list': '{"__proto__":[],"inputs":{"__proto__":{"length":1}}}',
  'a constructor for a list': '{"inputs":{"constructor":{"prototype":{"a":1}}}}',
  'a tag that is a prototype': `{"image":"a/b:1","inputs":[{"path":"/in","tags":[{"__proto__":{"key":"a","value":"b"}}]}]}`,
  'text where a list is wanted': '{"inputs":"[]"}',
  'a list where text is wanted': '{"image":["a/b:1"]}',
  'a length where a list is wanted': '{"inputs":{"length":1000000000}}',
}

const harmless: Record<string, () => string> = {
  'a prototype': () => `{"__proto__":{"polluted":1},"image":${image()},${inputs}}`,
  'a constructor': () =>
    `{"constructor":{"prototype":{"polluted":1}},"image":${image()},${inputs}}`,
  'a resource named __proto__': () => `{"resources":{"__proto__":1},"image":${image()},${inputs}}`,
  'a tag named constructor': () =>
    `{"image":${image()},"inputs":[{"path":"/in","tags":["constructor:prototype"]}]}`,
  'a tag named __proto__': () =>
    `{"image":${image()},"inputs":[{"path":"/in","tags":[{"key":"__proto__","value":"x"}]}]}`,
  'SQL in a tag': () =>
    `{"image":${image()},"inputs":[{"path":"/in","tags":["'); drop table plan; --:%_\\\\"]}]}`,
  'deep unknown keys': () =>
    `{"x":${nested(9000, '{"a":', '}', '1')},"image":${image()},${inputs}}`,
}

test('there are at least forty of them', () => {
  expect(Object.keys(documents).length).toBeGreaterThanOrEqual(40)
})

const count = async ({ sql }: TestWorld): Promise<unknown> => {
  const [row] = await sql`select count(*) from plan`
  return row
}

/** The server goes on, and nothing of the language it is written in has changed. */
async function expectAlive(ask: Ask): Promise<void> {
  expect((await ask(`GET /api/runs?plan=${nobody}`)).text).toBe('[]\n')
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
}

test.for(Object.keys(documents))('as a plan, %s is refused', async (what, { ask, world }) => {
  const before = await count(world)
  const { status, text } = await ask('POST /api/plans', documents[what])
  expect([400, 413], text.slice(0, 200)).toContain(status)
  // Whoever sends much is not sent it back.
  expect(text.length).toBeLessThan(20_000)
  expect(await count(world)).toEqual(before)
  await expectAlive(ask)
})

test.for(Object.keys(harmless))('as a plan, %s does no harm', async (what, { ask }) => {
  const reply = await ask('POST /api/plans', harmless[what]?.())
  expect({ status: reply.status, text: reply.text.slice(0, 200) }).toMatchObject({ status: 200 })
  await expectAlive(ask)
})

test.for(Object.keys(documents))(
  'as a change of tags, %s changes nothing, or nothing more than it says',
  async (what, { ask, world }) => {
    const knitId = await makeData(world, 'stays:1')
    const reply = await ask(`PUT /api/data/${knitId}`, documents[what])
    expect([200, 400, 413]).toContain(reply.status)
    const [data] = await world.sql`select cardinality(tags) as tags from data where id = ${knitId}`
    expect(data).toEqual({ tags: 1 })
    await expectAlive(ask)
  },
)

// What may stand where an id is wanted.
const ids = [
  '..',
  '%2e%2e',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e%5c',
  '....//',
  '%00',
  `${nobody}%00`,
  `${nobody}%0d%0aset-cookie:a=b`,
  "'%20or%201=1%20--",
  '1;drop%20table%20run',
  '%ff',
  '%zz',
  '%c0%ae%c0%ae',
  '$%7Bjndi:ldap://evil%7D',
  '__proto__',
  'constructor',
  'x'.repeat(5000),
]

test.for(ids)('the id %s names nothing', async (id, { ask }) => {
  for (const path of [
    '/api/plans/:',
    '/api/runs/:',
    '/api/runs/:/log',
    '/api/data/:',
    '/api/lineage/:',
  ]) {
    const { status, headers, text } = await ask(`GET ${path.replace(':', () => id)}`)
    // What a URL resolves leads to another path of ours, and never to a file.
    const isResolved = /^(\.\.|%2e%2e)$/.test(id)
    expect((status >= 400 && status < 500) || isResolved, `${path}: ${status}`).toBe(true)
    expect(headers).not.toHaveProperty('set-cookie')
    expect(text).not.toContain('root:')
  }
  await expectAlive(ask)
})

const values = [
  "';drop table data;--",
  '%',
  '_',
  '\\',
  '"',
  '$1',
  '${x}',
  'a\0b',
  '\ud83d\ude00',
  '\u202e',
  'constructor',
  'x'.repeat(4000),
]

test.for(values)('the value %j is a value in every search', async (value, { ask, world }) => {
  await makeData(world, 'search:me')
  const text = encodeURIComponent(value)
  for (const query of [
    `data?tag=search:${text}`,
    `data?tag=${text}:x`,
    `plans?in_tag=search:${text}`,
    `plans?out_tag=${text}:x`,
    `plans?image=${text}`,
    `runs?plan=${text}`,
    `runs?knitIdInput=${text}`,
  ]) {
    const reply = await ask(`GET /api/${query}`)
    expect([200, 400], query).toContain(reply.status)
    // A wildcard finds itself alone.
    if (reply.status === 200) expect(reply.text).toBe('[]\n')
  }
  await expectAlive(ask)
})

test.for(['since', 'duration', 'status', 'limit', 'after', 'active'])(
  'the parameter %s takes nothing but what it is for',
  async (name, { ask }) => {
    for (const value of [...values, '-1', '1e9', '0x10', '2026-01-01T00:00:00Z;', 'null', '[]']) {
      // That is a number as well.
      if (name === 'limit' && value === '0x10') continue
      const lists = name === 'active' ? ['plans'] : ['data', 'runs']
      for (const list of lists) {
        const query = `${name}=${encodeURIComponent(value)}${name === 'duration' ? '&since=2026-01-01T00:00:00Z' : ''}`
        const { status } = await ask(`GET /api/${list}?${query}`)
        // Data have no status to search for, and pass over the parameter.
        const isKnown = !(list === 'data' && name === 'status')
        expect({ list, query, status }).toEqual({ list, query, status: isKnown ? 400 : 200 })
      }
    }
  },
)

test('a caller that goes away in the middle of a document is no failure of ours', async ({
  front,
  ask,
}) => {
  const headers = {
    'content-type': 'application/json',
    'content-length': 100,
    expect: '100-continue',
  }
  const request = begin(front, { method: 'POST', path: '/api/plans', headers })
  request.write('{"image":')
  await once(request, 'continue')
  const { world } = front
  const told = (text: string) => world.lines.some((line) => line.includes(text))
  const logged = until(() => told('broke before the body was whole'))
  request.destroy()
  await logged
  expect(told('request failed')).toBe(false)
  await expectAlive(ask)
})
