import * as fc from 'fast-check'
import { expect } from 'vitest'
import { test } from '#tests/support/world.ts'
import { arrayTypes } from './array-types.ts'

// PostgreSQL has no NUL in a text, and only well-formed Unicode.
const text = fc.string({ unit: 'binary' }).map((it) => it.replaceAll('\0', ''))
const word = fc.oneof(fc.constantFrom('', 'null', 'NULL', '{}', ',', '"', '\\', ' '), text)
const nullable = <T>(element: fc.Arbitrary<T>) => fc.array(fc.option(element))

test('whatever is in a list comes back from the database as it was', async ({ ctx }) => {
  const lists = fc.record({
    texts: nullable(word),
    integers: nullable(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    bigs: nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
    floats: nullable(
      fc.double({ noDefaultInfinity: true, noNaN: true }).filter((x) => !Object.is(x, -0)),
    ),
    uuids: nullable(fc.uuid()),
  })
  await fc.assert(
    fc.asyncProperty(lists, async (list) => {
      const { texts, integers, bigs, floats, uuids } = list
      const [row] = await ctx.sql`
        select ${texts}::text[] as texts, ${integers}::integer[] as integers, ${bigs}::bigint[] as bigs,
          ${floats}::float8[] as floats, ${uuids}::uuid[] as uuids`
      expect({ ...row }).toEqual(list)
    }),
    { numRuns: 200 },
  )
})

test('every column that holds a list is of a kind that is read as one', async ({ ctx }) => {
  const columns = await ctx.sql<{ kind: string }[]>`
    select distinct udt_name as kind from information_schema.columns
    where table_schema = 'public' and data_type = 'ARRAY'`
  expect(Object.keys(arrayTypes)).toEqual(expect.arrayContaining(columns.map(({ kind }) => kind)))
  expect(columns).not.toEqual([])
})
