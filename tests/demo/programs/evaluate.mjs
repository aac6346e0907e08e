// Lets a model read a set of digits it has not seen:  node evaluate.mjs MODEL TEST_SET METRICS
// Writes METRICS/metrics.json: the accuracy, the confusion matrix and the worst mistakes, pictures included.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digitAt, readDigits } from './digits.mjs'
import { classes, likeliest, loadModel, look } from './network.mjs'

const [model, testSet, metrics] = process.argv.slice(2)
const shownMistakes = 24

const { network, facts } = loadModel(model)
const digits = readDigits(testSet)
const confusion = Array.from({ length: classes }, () => Array(classes).fill(0))
const mistakes = []

for (let index = 0; index < digits.count; index += 1) {
  const pixels = digitAt(digits, index)
  const odds = look(network, pixels)
  const label = digits.labels[index]
  const read = likeliest(odds)
  confusion[label][read] += 1
  if (read === label) continue
  const certainty = Number(odds[read].toFixed(4))
  mistakes.push({ index, label, read, certainty, pixels: pixels.toString('base64') })
}

const correct = digits.count - mistakes.length
const result = {
  accuracy: correct / digits.count,
  digits: digits.count,
  correct,
  trainedOn: facts.digits,
  /** confusion[label][read]: how many. */
  confusion,
  /** Those it was most certain of. */
  mistakes: mistakes.sort((a, b) => b.certainty - a.certainty).slice(0, shownMistakes),
}
mkdirSync(metrics, { recursive: true })
writeFileSync(join(metrics, 'metrics.json'), `${JSON.stringify(result, null, 2)}\n`)

console.log(`a model trained on ${facts.digits} digits has read ${digits.count} others`)
console.log(`${correct} correctly: accuracy ${(100 * result.accuracy).toFixed(1)} %`)
