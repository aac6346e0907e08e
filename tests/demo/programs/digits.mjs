// Reads and writes a set of labelled pictures: a folder with two files in the IDX format of MNIST.
//
//   images.idx3-ubyte  magic 0x803, count, rows, columns (big-endian 32 bits), then a byte a pixel: 0 paper, 255 ink
//   labels.idx1-ubyte  magic 0x801, count, then a byte a label: 0 to 9

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const side = 28
export const size = side * side

const imagesMagic = 0x803
const labelsMagic = 0x801
const imagesFile = 'images.idx3-ubyte'
const labelsFile = 'labels.idx1-ubyte'

/** A set of digits: `images` holds `size` bytes for each of the `labels`. */
export function readDigits(folder) {
  const images = readFileSync(join(folder, imagesFile))
  const labels = readFileSync(join(folder, labelsFile))
  const count = labels.readUInt32BE(4)
  const fits =
    images.readUInt32BE(0) === imagesMagic &&
    labels.readUInt32BE(0) === labelsMagic &&
    images.readUInt32BE(4) === count &&
    images.length === 16 + count * size &&
    labels.length === 8 + count
  if (!fits) throw new Error(`${folder} holds no digits: its files are not as this program expects`)
  return { count, images: images.subarray(16), labels: labels.subarray(8) }
}

export function writeDigits(folder, { images, labels }) {
  mkdirSync(folder, { recursive: true })
  const count = labels.length
  writeFileSync(
    join(folder, imagesFile),
    Buffer.concat([integers(imagesMagic, count, side, side), images]),
  )
  writeFileSync(join(folder, labelsFile), Buffer.concat([integers(labelsMagic, count), labels]))
}

/** The pixels of one digit. */
export const digitAt = (digits, index) => digits.images.subarray(index * size, (index + 1) * size)

function integers(...values) {
  const buffer = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => buffer.writeUInt32BE(value, index * 4))
  return buffer
}
