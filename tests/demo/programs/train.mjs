// Trains a network on a set of digits:  node train.mjs TRAINING_SET MODEL [EPOCHS]
// Mini-batch gradient descent from a fixed seed: the same digits make the same model.

import { digitAt, readDigits, size } from './digits.mjs'
import { classes, likeliest, look, makeNetwork, saveModel, seededRandom } from './network.mjs'

const [trainingSet, model, epochs = '8'] = process.argv.slice(2)
const settings = { seed: 20, hidden: 64, epochs: Number(epochs), batch: 16, rate: 0.4, decay: 0.8 }

const digits = readDigits(trainingSet)
const random = seededRandom(settings.seed)
const network = makeNetwork(settings.hidden, random)
const gradient = makeNetwork(settings.hidden)
const order = Array.from({ length: digits.count }, (_, index) => index)

console.log(`training on ${digits.count} digits, with ${JSON.stringify(settings)}`)
let loss = 0
for (let epoch = 0; epoch < settings.epochs; epoch += 1) {
  const { correct, ...seen } = runEpoch(settings.rate * settings.decay ** epoch)
  loss = seen.loss
  const read = ((100 * correct) / digits.count).toFixed(1)
  console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(4)}  read correctly ${read.padStart(5)} %`)
}
saveModel(model, network, { digits: digits.count, loss: Number(loss.toFixed(6)), settings })
console.log(`the model is in ${model}`)

/** Shows every digit once, in a new order. */
function runEpoch(rate) {
  shuffle(order)
  let loss = 0
  let correct = 0
  for (let start = 0; start < order.length; start += settings.batch) {
    const batch = order.slice(start, start + settings.batch)
    gradient.weights.fill(0)
    for (const index of batch) {
      const label = digits.labels[index]
      const odds = look(network, digitAt(digits, index))
      loss -= Math.log(Math.max(odds[label], 1e-12))
      if (likeliest(odds) === label) correct += 1
      addGradient(digitAt(digits, index), label)
    }
    const step = rate / batch.length
    for (let i = 0; i < network.weights.length; i += 1)
      network.weights[i] -= step * gradient.weights[i]
  }
  return { loss: loss / order.length, correct }
}

/** Adds the slope of the loss for the digit the network has just looked at. */
function addGradient(pixels, label) {
  const { hidden, units, odds, w2 } = network
  const errors = odds
  errors[label] -= 1
  for (let k = 0; k < classes; k += 1) gradient.b2[k] += errors[k]

  const blame = new Float32Array(hidden)
  for (let j = 0; j < hidden; j += 1) {
    if (units[j] === 0) continue
    for (let k = 0; k < classes; k += 1) {
      gradient.w2[j * classes + k] += units[j] * errors[k]
      blame[j] += w2[j * classes + k] * errors[k]
    }
    gradient.b1[j] += blame[j]
  }
  for (let i = 0; i < size; i += 1) {
    if (pixels[i] === 0) continue
    const ink = pixels[i] / 255
    for (let j = 0, w = i * hidden; j < hidden; j += 1, w += 1) gradient.w1[w] += ink * blame[j]
  }
}

function shuffle(list) {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    ;[list[last], list[other]] = [list[other], list[last]]
  }
}
