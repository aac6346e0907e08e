// Makes metrics readable:  node report.mjs METRICS REPORT
// Writes REPORT/report.svg (a picture) and REPORT/report.md (a table, a line a digit).

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { side } from './digits.mjs'

const [metricsFolder, report] = process.argv.slice(2)
const metrics = JSON.parse(readFileSync(join(metricsFolder, 'metrics.json'), 'utf8'))
const { accuracy, digits, correct, trainedOn, confusion, mistakes } = metrics

const ink = '#1e293b'
const grey = '#64748b'
const blue = '#1d4ed8'

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
const percent = (part) => `${(100 * part).toFixed(1)} %`
const count = (number) => number.toLocaleString('en-US')

const rows = confusion.map((row, digit) => ({
  digit,
  shown: sum(row),
  read: row[digit],
  recall: sum(row) ? row[digit] / sum(row) : 0,
  precision: row[digit] / Math.max(1, sum(confusion.map((other) => other[digit]))),
  takenFor: mostOftenTakenFor(row, digit),
}))

mkdirSync(report, { recursive: true })
writeFileSync(join(report, 'report.md'), table())
writeFileSync(join(report, 'report.svg'), picture())
console.log(`accuracy ${percent(accuracy)}: report.svg and report.md are in ${report}`)

function mostOftenTakenFor(row, digit) {
  const others = row.map((number, read) => (read === digit ? 0 : number))
  const most = Math.max(...others)
  return most === 0 ? '' : `${others.indexOf(most)} (${most === 1 ? 'once' : `${most} times`})`
}

function table() {
  const lines = rows.map(({ digit, shown, read, recall, precision, takenFor }) =>
    ['', digit, shown, read, percent(recall), percent(precision), takenFor, ''].join(' | ').trim(),
  )
  return `# Handwritten digits: ${percent(accuracy)} read correctly

Trained on ${count(trainedOn)} digits, tested on ${count(digits)} others, of which ${count(correct)} were read correctly.
\`report.svg\` shows which digits were taken for which.

| digit | shown | read correctly | recall | precision | most often taken for |
| ---: | ---: | ---: | ---: | ---: | --- |
${lines.join('\n')}
`
}

function picture() {
  const width = 1040
  const height = 640
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title" font-family="system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif">
<title id="title">${percent(accuracy)} of ${count(digits)} handwritten digits read correctly</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text(40, 58, 'Handwritten digits', { size: 26, weight: 600 })}
${text(40, 84, `trained on ${count(trainedOn)} digits, tested on ${count(digits)} others`, { size: 14, fill: grey })}
${text(1000, 66, percent(accuracy), { size: 46, weight: 700, fill: blue, anchor: 'end' })}
${text(1000, 88, `${count(correct)} of ${count(digits)} read correctly`, { size: 13, fill: grey, anchor: 'end' })}
<line x1="40" y1="108" x2="1000" y2="108" stroke="#e2e8f0"/>
${matrix(84, 178, 40)}
${gallery(610, 178)}
</svg>
`
}

/** The confusion matrix: a row a digit, a column what it was read as. */
function matrix(left, top, cell) {
  const worst = Math.max(1, ...confusion.flatMap((row, i) => row.filter((_, k) => k !== i)))
  const middle = (index) => index * cell + cell / 2
  const parts = [
    text(left, top - 36, 'What was read', { size: 14, weight: 600 }),
    text(left + 10.75 * cell, top - 10, 'recall', { size: 12, fill: grey, anchor: 'middle' }),
    `<text transform="translate(${left - 32} ${top + 5 * cell}) rotate(-90)" text-anchor="middle" font-size="14" font-weight="600" fill="${ink}">What was written</text>`,
  ]
  for (const { digit, recall } of rows) {
    const y = top + middle(digit)
    parts.push(text(left + middle(digit), top - 10, digit, { fill: grey, anchor: 'middle' }))
    parts.push(text(left - 12, y + 5, digit, { fill: grey, anchor: 'middle' }))
    parts.push(text(left + 10.75 * cell, y + 5, percent(recall), { size: 12, anchor: 'middle' }))
    confusion[digit].forEach((number, read) => {
      const x = left + read * cell
      const { fill, label } = colours(number, read === digit, recall, worst)
      parts.push(
        `<rect x="${x + 1}" y="${top + digit * cell + 1}" width="${cell - 2}" height="${cell - 2}" rx="4" fill="${fill}"/>`,
      )
      if (number > 0)
        parts.push(text(x + cell / 2, y + 5, number, { size: 13, fill: label, anchor: 'middle' }))
    })
  }
  const foot = 'blue: read correctly; orange: taken for another, the darker the more often'
  parts.push(text(left, top + 10 * cell + 26, foot, { size: 12, fill: grey }))
  return parts.join('\n')
}

function colours(number, right, recall, worst) {
  if (number === 0) return { fill: '#f6f8fa', label: grey }
  if (right)
    return { fill: mix([191, 219, 254], [29, 78, 216], (recall - 0.7) / 0.3), label: '#fff' }
  const share = number / worst
  return { fill: mix([255, 237, 213], [234, 88, 12], share), label: share > 0.6 ? '#fff' : ink }
}

/** A colour between two, as far along as `share` says. */
function mix(from, to, share) {
  const part = Math.min(1, Math.max(0, share))
  return `rgb(${from.map((value, i) => Math.round(value + (to[i] - value) * part)).join(' ')})`
}

/** The mistakes it was most certain of, drawn as they were shown to it. */
function gallery(left, top) {
  const [columns, tile, gap] = [6, 56, 10]
  const parts = [text(left, top - 36, 'The mistakes it was surest of', { size: 14, weight: 600 })]
  if (mistakes.length === 0) parts.push(text(left, top + 10, 'none', { fill: grey }))
  mistakes.forEach(({ label, read, certainty, pixels }, index) => {
    const x = left + (index % columns) * (tile + gap)
    const y = top - 18 + Math.floor(index / columns) * (tile + 48)
    parts.push(
      `<g transform="translate(${x} ${y})"><title>a ${label}, read as ${read}: ${percent(certainty)} sure</title>`,
      `<rect width="${tile}" height="${tile}" rx="5" fill="#f1f5f9"/>`,
      `<g transform="scale(${tile / side})" shape-rendering="crispEdges">${strokes(Buffer.from(pixels, 'base64'))}</g>`,
      text(tile / 2, tile + 17, `${label} → ${read}`, { size: 13, weight: 600, anchor: 'middle' }),
      text(tile / 2, tile + 31, percent(certainty), { size: 10, fill: grey, anchor: 'middle' }),
      '</g>',
    )
  })
  parts.push(
    text(left, top + 10 * 40 + 26, 'written → read, and how sure it was', { size: 12, fill: grey }),
  )
  return parts.join('\n')
}

/** A digit as a path for each of four greys, a rectangle a run of pixels. */
function strokes(pixels) {
  const levels = 4
  const level = (x, y) => Math.ceil((pixels[y * side + x] / 255) * levels - 0.25)
  let drawing = ''
  for (let grey = 1; grey <= levels; grey += 1) {
    let path = ''
    for (let y = 0; y < side; y += 1) {
      for (let x = 0, end; x < side; x = end + 1) {
        for (end = x; end < side && level(end, y) === grey;) end += 1
        if (end > x) path += `M${x} ${y}h${end - x}v1h${x - end}z`
      }
    }
    if (path) drawing += `<path d="${path}" fill="${ink}" fill-opacity="${grey / levels}"/>`
  }
  return drawing
}

function text(x, y, content, { size = 14, weight = 400, fill = ink, anchor = 'start' } = {}) {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}">${content}</text>`
}
