import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { digitAt, readDigits, side, size, writeDigits } from './programs/digits.mjs'
import { seededRandom } from './programs/network.mjs'

// Programs are started, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-programs-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const run = async (program: string, ...args: string[]) => {
  const file = join(import.meta.dirname, 'programs', program)
  return (await promisify(execFile)(process.execPath, [file, ...args])).stdout
}
const at = (...names: string[]) => join(folder, ...names)

/** Digits anybody could tell apart: `label` is the row that has the ink, with some noise. */
function writeEasyDigits(target: string, count: number, seed: number): void {
  const random = seededRandom(seed)
  const labels = Uint8Array.from({ length: count }, () => Math.floor(random() * 10))
  const images = Buffer.alloc(count * size)
  labels.forEach((label, index) => {
    for (let pixel = 0; pixel < size; pixel += 1) {
      const inked = Math.floor(pixel / side) - 4 === label * 2
      images[index * size + pixel] = (inked ? 200 : 0) + random() * 50
    }
  })
  writeDigits(target, { images, labels })
}

test('digits are read as they were written', () => {
  writeEasyDigits(at('few'), 3, 7)
  const digits = readDigits(at('few'))

  expect(digits.count).toBe(3)
  const [label = 0] = digits.labels
  const darkest = digitAt(digits, 0).indexOf(Math.max(...digitAt(digits, 0)))
  expect(Math.floor(darkest / side)).toBe(label * 2 + 4)
})

test('a model learns, is evaluated on digits it has not seen, and is reported', async () => {
  writeEasyDigits(at('training'), 300, 1)
  writeEasyDigits(at('test'), 100, 2)

  const log = await run('train.mjs', at('training'), at('model'), '4')
  const losses = [...log.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
  expect(losses).toHaveLength(4)
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2)

  await run('evaluate.mjs', at('model'), at('test'), at('metrics'))
  const metrics = JSON.parse(await readFile(at('metrics', 'metrics.json'), 'utf8'))
  expect(metrics).toMatchObject({ digits: 100, trainedOn: 300 })
  expect(metrics.accuracy).toBeGreaterThan(0.9)
  expect(metrics.confusion.flat().reduce((a: number, b: number) => a + b)).toBe(100)

  await run('report.mjs', at('metrics'), at('report'))
  expect(await readFile(at('report', 'report.md'), 'utf8')).toContain(
    `${(100 * metrics.accuracy).toFixed(1)} % read correctly`,
  )
})

test('the same digits make the same model', async () => {
  writeEasyDigits(at('same'), 60, 3)
  await run('train.mjs', at('same'), at('once'), '2')
  await run('train.mjs', at('same'), at('again'), '2')

  const weights = (model: string) => readFile(at(model, 'weights.f32'))
  expect(await weights('again')).toEqual(await weights('once'))
})

test('a model that has learnt little is reported with its mistakes, as well-formed SVG', async () => {
  writeEasyDigits(at('little'), 20, 4)
  writeEasyDigits(at('much'), 200, 5)
  await run('train.mjs', at('little'), at('poor'), '1')
  await run('evaluate.mjs', at('poor'), at('much'), at('poor-metrics'))
  await run('report.mjs', at('poor-metrics'), at('poor-report'))

  const svg = await readFile(at('poor-report', 'report.svg'), 'utf8')
  expect(svg).toContain('sure</title>')
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  expect(openElements(svg)).toEqual([])
})

test('what is no set of digits is refused', async () => {
  await expect(run('train.mjs', at('metrics'), at('none'))).rejects.toThrow('images.idx3-ubyte')
})

/** Elements that are not closed where they should be: none in well-formed XML. */
function openElements(xml: string): string[] {
  const open: string[] = []
  const rest = xml.replace(
    /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/gi,
    (_, end, name, _attributes, empty) => {
      if (end && open.pop() !== name) open.push(`</${name}>`)
      if (!end && !empty) open.push(name)
      return ''
    },
  )
  return /[<>]|&(?!(amp|lt|gt|quot|#\d+);)/.test(rest) ? [...open, rest] : open
}
