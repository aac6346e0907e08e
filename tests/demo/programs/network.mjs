// A network with one hidden layer: 784 pixels, some hidden units (ReLU), 10 digits (softmax).
// A model on disk is `model.json` (its shape, and how it was trained) and `weights.f32` (little-endian floats).

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { size } from './digits.mjs'

export const classes = 10

/** Weights are stored input by input, so that a blank pixel costs nothing. */
export function makeNetwork(hidden, random = () => 0.5) {
  const weights = new Float32Array(size * hidden + hidden + hidden * classes + classes)
  const network = view(hidden, weights)
  spread(network.w1, Math.sqrt(6 / (size + hidden)), random)
  spread(network.w2, Math.sqrt(6 / (hidden + classes)), random)
  return network
}

function view(hidden, weights) {
  let start = 0
  const next = (length) => weights.subarray(start, (start += length))
  return {
    hidden,
    weights,
    w1: next(size * hidden),
    b1: next(hidden),
    w2: next(hidden * classes),
    b2: next(classes),
    units: new Float32Array(hidden),
    odds: new Float32Array(classes),
  }
}

function spread(weights, limit, random) {
  for (let i = 0; i < weights.length; i += 1) weights[i] = (random() * 2 - 1) * limit
}

/** How likely each digit is, by this network. The answer is valid until the next call. */
export function look(network, pixels) {
  const { hidden, w1, b1, w2, b2, units, odds } = network
  units.set(b1)
  for (let i = 0; i < size; i += 1) {
    if (pixels[i] === 0) continue
    const ink = pixels[i] / 255
    for (let j = 0, w = i * hidden; j < hidden; j += 1, w += 1) units[j] += ink * w1[w]
  }
  odds.set(b2)
  for (let j = 0; j < hidden; j += 1) {
    if (units[j] < 0) units[j] = 0
    for (let k = 0; k < classes; k += 1) odds[k] += units[j] * w2[j * classes + k]
  }
  const highest = Math.max(...odds)
  let sum = 0
  for (let k = 0; k < classes; k += 1) sum += odds[k] = Math.exp(odds[k] - highest)
  for (let k = 0; k < classes; k += 1) odds[k] /= sum
  return odds
}

/** The digit that is most likely. */
export const likeliest = (odds) => odds.indexOf(Math.max(...odds))

export function saveModel(folder, network, facts) {
  mkdirSync(folder, { recursive: true })
  const { hidden, weights } = network
  const model = { layers: [size, hidden, classes], ...facts }
  writeFileSync(join(folder, 'model.json'), `${JSON.stringify(model, null, 2)}\n`)
  writeFileSync(join(folder, 'weights.f32'), new Uint8Array(weights.buffer))
}

export function loadModel(folder) {
  const { layers, ...facts } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'))
  const bytes = readFileSync(join(folder, 'weights.f32'))
  const network = makeNetwork(layers[1])
  if (bytes.length !== network.weights.byteLength)
    throw new Error(`${folder} holds no model: weights.f32 has ${bytes.length} bytes`)
  network.weights.set(new Float32Array(new Uint8Array(bytes).buffer))
  return { network, facts }
}

/** Random numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
