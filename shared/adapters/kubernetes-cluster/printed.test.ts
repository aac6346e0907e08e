import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { beginning, printed, type Place } from './printed.ts'
import { complaints, stamped } from './test-log.ts'

/** What is read of an answer that comes in these pieces, where that leads, and why no further. */
async function read(pieces: Iterable<Buffer>, from: Place = beginning) {
  const got: Buffer[] = []
  let place = from
  const answer = (async function* () {
    yield* pieces
  })()
  try {
    for await (const next of printed(answer, from)) {
      got.push(next.bytes)
      ;({ place } = next)
    }
  } catch (error) {
    return { got: Buffer.concat(got), place, error }
  }
  return { got: Buffer.concat(got), place }
}

const textOf = async (log: string, from?: Place) => {
  const { got, error } = await read([Buffer.from(log)], from)
  if (error) throw error
  return got.toString()
}

const program = 'one\n\nwith\r\n\r\n2026-11-22T00:00:00Z like a stamp\nä\0\nno end'

test('stamps are taken off, and nothing else', async () => {
  expect(await textOf(stamped(program))).toBe(program)
  expect(await textOf('')).toBe('')
})

test('a log may be cut anywhere, also within its stamps', async () => {
  const log = Buffer.from(stamped(program))
  for (const at of log.keys()) {
    const { got, error } = await read([log.subarray(0, at), log.subarray(at)])
    expect({ text: got.toString(), error }).toEqual({ text: program, error: undefined })
  }
  expect((await read([...log].map((byte) => Buffer.of(byte)))).got.toString()).toBe(program)
})

test('a long line is passed on while it comes', async () => {
  const part = Buffer.alloc(1 << 16, 'x')
  let most = 0
  const endless = (async function* () {
    yield Buffer.from(stamped('a'))
    for (let index = 0; index < 100; index += 1) yield part
  })()
  for await (const { bytes } of printed(endless, beginning)) most = Math.max(most, bytes.length)
  expect(most).toBe(part.length)
})

test.each(complaints)('%j is no part of a log', async (complaint) => {
  const shown = complaint.slice(0, 9)
  for (const before of ['', 'one\n', 'one\ntwo\n']) {
    const { got, error } = await read([Buffer.from(stamped(before) + complaint)])
    expect(got.toString()).toBe(before)
    expect(error).toMatchObject({ message: expect.stringContaining(shown) })
  }
  const { place } = await read([Buffer.from(stamped('one\ntw'))])
  expect(await read([Buffer.from(complaint)], place)).toMatchObject({
    got: Buffer.alloc(0),
    place,
    error: expect.any(Error),
  })
})

test.each(['no log', 'x'.repeat(40)])('%j is refused at once', async (text) => {
  let asked = 0
  const endless = (function* () {
    for (; asked < 5; asked += 1) yield Buffer.from(text)
  })()
  expect((await read(endless)).error).toBeInstanceOf(Error)
  expect(asked).toBe(0)
})

test.each(['2026-11-22', '2026-11-22T00:00:00.000000000Z', '2026-11-22T00:00:00.000000000Zz a\n'])(
  'a log does not end with %j',
  async (end) => {
    const { got, error } = await read([Buffer.from(stamped('one\n') + end)])
    expect(got.toString()).toBe('one\n')
    expect(error).toBeInstanceOf(Error)
  },
)

test('stamps are compared as times, whatever their digits and their zone', async () => {
  const { place } = await read([Buffer.from('2026-11-22T00:00:00.5Z one\n')])
  const again = [
    '2026-11-22T08:59:59.999999999+09:00 before\n',
    '2026-11-22T00:00:00.09Z before\n',
    '2026-11-21T23:00:00.500-01:00 one\n',
    '2026-11-22T00:00:00.500000001Z after\n',
  ]
  expect(await textOf(again.join(''), place)).toBe('after\n')
})

test('lines of the same time are told apart', async () => {
  const log = ['one\n', 'two\n', 'three\n'].map((line) => `2026-11-22T00:00:00Z ${line}`)
  const { place } = await read([Buffer.from(`${log[0]}${log[1]?.slice(0, -2)}`)])
  expect(await textOf(log.join(''), place)).toBe('o\nthree\n')
})

test('a log that begins later goes on with what is new', async () => {
  const { place } = await read([Buffer.from(stamped('one\ntwo\nthr'))])
  expect(await textOf(stamped('two\nthree\nfour\n', 1), place)).toBe('ee\nfour\n')
  expect(await textOf(stamped('four\nfive\n', 3), place)).toBe('four\nfive\n')
})

const line = fc.string({ unit: fc.constantFrom('a', ' ', '\r', 'ä', '2026-11-22T00:00:00Z ') })
/** Lines, and by how many nanoseconds each is later than the one before. */
const linesWith = (later: fc.Arbitrary<number>) =>
  fc.tuple(fc.array(fc.record({ line, later })), line, fc.constantFrom('Z', '+09:00', '-03:30'))

/** The lines of such a log with their stamps and without. */
function logOf([lines, end, zone]: [{ line: string; later: number }[], string, string]) {
  let time = 500_000_000
  const all = lines.map(({ line, later }) => ({ line: `${line}\n`, later }))
  if (end) all.push({ line: end, later: 1 })
  return all.map(({ line, later }) => {
    time += later
    const fraction = String(time).padStart(9, '0').replace(/0+$/, '')
    return { line, raw: `2026-11-22T00:00:00.${fraction || '0'}${zone} ${line}` }
  })
}

/** Answers that break off somewhere, each of which may begin with a later line than the one before, but misses none; at last a whole one. */
async function readByAttempts(lines: { line: string; raw: string }[], cuts: [number, number][]) {
  const got: Buffer[] = []
  let place = beginning
  let oldest = 0
  for (const [end, begin] of [...cuts, [1, 0] as const]) {
    // As many lines as were read whole may be gone.
    const readWhole = Buffer.concat(got).toString().split('\n').length - 1
    oldest += Math.floor(begin * Math.max(0, readWhole - oldest))
    const left = lines.slice(oldest).map(({ raw }) => raw)
    const log = Buffer.from(left.join(''))
    const upTo = Math.ceil(end * log.length)
    const pieces = [log.subarray(0, upTo / 3), log.subarray(upTo / 3, upTo)]
    const next = await read(pieces, place)
    got.push(next.got)
    ;({ place } = next)
  }
  return Buffer.concat(got).toString()
}

const share = fc.nat(100).map((percent) => percent / 100)
const textIn = (lines: { line: string }[]) => lines.map(({ line }) => line).join('')

test('wherever an answer breaks off nothing is lost or doubled, also of lines of the same time or out of the order of their stamps', async () => {
  const asTwoStreams = linesWith(fc.integer({ min: -2, max: 3 }))
  await fc.assert(
    fc.asyncProperty(asTwoStreams, fc.array(share), async (log, ends) => {
      const lines = logOf(log)
      const cuts = ends.map((end): [number, number] => [end, 0])
      expect(await readByAttempts(lines, cuts)).toBe(textIn(lines))
    }),
  )
})

test('nor where the next answer begins later', async () => {
  const oneByOne = linesWith(fc.integer({ min: 1, max: 3 }))
  await fc.assert(
    fc.asyncProperty(oneByOne, fc.array(fc.tuple(share, share)), async (log, cuts) => {
      const lines = logOf(log)
      expect(await readByAttempts(lines, cuts)).toBe(textIn(lines))
    }),
  )
})
