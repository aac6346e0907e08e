import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { NoArray, valuesOf } from './json-array.ts'

/** A text in pieces of so many bytes, the last of which is shorter. */
async function* cut(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const read = (text: string, size: number) => Array.fromAsync(valuesOf(cut(text, size)))

test('an array is read one value after another, however its text is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue()),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(undefined, 2),
      async (values, size, indent) => {
        const text = `${JSON.stringify(values, null, indent)}\n`
        expect(await read(text, size)).toEqual(JSON.parse(text))
      },
    ),
  )
})

test('a value is given before the next has come', async () => {
  async function* endless(): AsyncGenerator<Buffer> {
    yield Buffer.from('[')
    for (let at = 0; ; at += 1) yield Buffer.from(`{"at":${at}},`)
  }
  for await (const value of valuesOf(endless())) {
    expect(value).toEqual({ at: 0 })
    break
  }
})

test.for(['', ' ', '{}', 'null', '<html>', '[1', '[{"a":1}', '["]', '[1] 2', '[]]'])(
  'what is no array, or not all of one, is told: %s',
  async (text) => {
    await expect(read(text, 2)).rejects.toThrow(NoArray)
  },
)

test.for(['[,]', '[1,]', '[1 2]', '[}]', '[{]}]', '[x]'])(
  'what stands where a value should is told: %s',
  async (text) => {
    await expect(read(text, 2)).rejects.toThrow()
  },
)
