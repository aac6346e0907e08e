import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import { test } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { call, type TestWorld } from '#tests/support/world.ts'
import { routeFunctions } from '../../functions/functions.generated.ts'
import dataFind from '../../functions/api/data-find/function.ts'
import dataTag from '../../functions/api/data-tag/function.ts'

/** Texts that have been taken for something else: patterns, quotes, ends, prototypes, halves of characters. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: fc.constantFrom(...`%_\\'"$;-*?()[]{}:#,= \0\n\ud800é\u202e`), maxLength: 12 }),
  fc.constantFrom(
    "'; drop table data; --",
    '$1',
    '${x}',
    '%',
    '_',
    '\\',
    '__proto__',
    'constructor',
    'toString',
    'knit#id:x',
    '1e999',
    '-1',
    'NaN',
    '{"__proto__":{"polluted":1}}',
    '0001-01-01T00:00:00Z',
    '99999-12-31T23:59:60Z',
    randomUUID(),
  ),
)

const failures = ({ lines }: TestWorld) => lines.filter((line) => line.includes('request failed'))

function expectNothingPolluted(): void {
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
}

test('a tag of any text is refused, or found by that text and by no other', async ({ ctx }) => {
  await makeData(ctx, 'another:data')
  let kept = 0
  await fc.assert(
    fc.asyncProperty(text, fc.oneof(fc.constant('k'), text), async (value, key) => {
      const knitId = await makeData(ctx)
      const tag = `${key}:${value}`
      const put = await call(dataTag, ctx, `/api/data/${knitId}`, { body: { add: [tag] } })
      expect([200, 400]).toContain(put.status)
      const query = `/api/data?tag=${encodeURIComponent(tag.toWellFormed())}`
      const found = await call(dataFind, ctx, query)
      expect([200, 400]).toContain(found.status)
      if (found.status !== 200) return
      const all = (await found.json()) as DataDetail[]
      const wanted = put.status === 200 ? ((await put.json()) as DataDetail).tags : []
      if (put.status === 200) kept += 1
      if (put.status === 200) expect(all.map((one) => one.knitId)).toContain(knitId)
      for (const one of all)
        if (one.knitId !== knitId) expect(one.tags.some((has) => wanted.includes(has))).toBe(true)
      await ctx.sql`delete from data where id = ${knitId}`
    }),
    { numRuns: 150 },
  )
  expect(kept).toBeGreaterThan(30)
  expect(failures(ctx)).toEqual([])
})

// What goes on sending, or waits for a body that is no document, is tested by itself.
const streams = new Set(['events.watch', 'data.push', 'data.pull', 'runs.log'])
const documented = routeFunctions.filter(({ name }) => !streams.has(name))

test.for(documented.map(({ name }) => name))(
  'whatever the parameters of %s are, they are values',
  async (name, { ctx }) => {
    const fn = documented.find((one) => one.name === name)
    if (!fn) throw new Error(`no function is ${name}`)
    const { path, query, method } = fn.contract
    const names = Object.keys(query?.shape ?? {})
    const value = fc.oneof(text, fc.constantFrom('', 'true', '1', '2026-01-01T00:00:00Z', '1h'))
    const parameters = fc.array(fc.tuple(fc.constantFrom(...names, 'unknown'), value), {
      maxLength: 4,
    })
    const body = fc.oneof(
      text,
      fc.json({ maxDepth: 3 }),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => new Uint8Array(bytes)),
    )
    await fc.assert(
      fc.asyncProperty(parameters, value, body, async (given, inPath, content) => {
        const search = new URLSearchParams(
          given.map(([key, one]): [string, string] => [key, one.toWellFormed()]),
        )
        const filled = path.replace(/:\w+/g, () => encodeURIComponent(inPath.toWellFormed()))
        const target = new URL(`${filled}?${search}`, 'http://api.local')
        const { status } = await call(fn, ctx, `${target.pathname}${target.search}`, {
          ...(method !== 'get' && { body: content }),
        })
        expect({ status, isServed: status < 500 }).toEqual({ status, isServed: true })
      }),
      { numRuns: 25 },
    )
    expect(failures(ctx)).toEqual([])
    expectNothingPolluted()
  },
)
