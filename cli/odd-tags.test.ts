import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { stubOfTheWire, type Seen } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor } from './testing.ts'

// Quotes and backslashes, at the ends and within, in keys and in values.
const odd = ['"q":"', 'a"b:c\\d', '\\:\\\\"', "it's:\\n"]

const upload = sampleRun('u1', { outputs: [['/upload', 'd1']] })
const data = sampleData('d1', upload, [], odd)
const at = { path: '/in', tags: odd }
const plan = samplePlan('p1', { inputs: [{ ...at, upstreams: [] }], annotations: ['a"b=c\\d'] })
const run = { ...upload, inputs: [{ ...at, knitId: idOf('d1') }] }
const things: Record<string, unknown> = { data, plans: plan, runs: run }

/** A server with one thing of each kind, which is found as one of a list. */
function answer({ method, url }: Seen) {
  const [, , noun = '', id] = new URL(url, 'http://h').pathname.split('/')
  const thing = things[noun]
  return { json: id === undefined && method === 'GET' ? [thing] : thing }
}

test.each([
  'data find',
  'plan find',
  'run find',
  `plan show ${idOf('p1')}`,
  `run show ${idOf('u1')}`,
])('knit %s prints odd tags as they are, as JSON and as YAML', async (line) => {
  await using stub = await stubOfTheWire(answer)
  const printed = async (format: string) =>
    (await knit([...line.split(' '), '--output', format], projectFor(stub))).stdout
  const [noun = ''] = line.split(' ')
  const thing = things[noun === 'data' ? noun : `${noun}s`]
  expect([JSON.parse(await printed('json'))].flat()).toEqual([thing])
  expect([parse(await printed('yaml'))].flat()).toEqual([thing])
})

test('odd tags are sent as they are: with data, to data that are there, and in a search', async () => {
  await using stub = await stubOfTheWire(answer)
  const dir = projectFor(stub)
  const given = (flag: string) => odd.flatMap((tag) => [flag, tag])
  await knit(['data', 'push', 'store', ...given('--tag')], dir)
  await knit(['data', 'find', ...given('--tag')], dir)
  await knit(['data', 'tag', idOf('d1'), ...given('--add'), ...given('--remove')], dir)
  const [push, find, change] = stub.requests
  for (const request of [push, find]) {
    const sent = new URL(request?.url ?? '', 'http://h').searchParams.getAll('tag')
    expect(sent.toSorted()).toEqual(odd.toSorted())
  }
  const asText = (tags: { key: string; value: string }[]) =>
    tags.map(({ key, value }) => `${key}:${value}`).toSorted()
  const { add, remove } = JSON.parse(String(change?.body))
  expect([add, remove].map(asText)).toEqual([odd.toSorted(), odd.toSorted()])
  expect(stub.requests).toHaveLength(3)
})

test('odd tags of a plan are sent as they stand in its file', async () => {
  await using stub = await stubOfTheWire(answer)
  const dir = projectFor(stub)
  writeFileSync(join(dir, 'plan.yaml'), stringify({ image: 'a/b:v1', inputs: [at] }))
  expect((await knit(['plan', 'apply', 'plan.yaml'], dir)).code).toBe(0)
  expect(JSON.parse(String(stub.requests[0]?.body)).inputs).toEqual([at])
})
