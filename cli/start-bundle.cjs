/* Starts the bundle of an installed package. What V8 has compiled is kept where Node keeps what it compiles, unless that is not wanted. */
const {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} = require('node:fs')
const { getCompileCacheDir } = require('node:module')
const { join } = require('node:path')
const { runBundle } = require('./run-bundle.cjs')

const file = join(__dirname, '../dist/cli.cjs')
const source = readFileSync(file)
const folder = getCompileCacheDir()

if (folder === undefined) runBundle({ file, source })
else runBundle({ file, source }, { compiledFor, keep })

/**
 * The last line is the digest of the rest: V8 itself compares no more than the length.
 *
 * @param {string} kind
 */
function placeOf(kind) {
  const digest = source.subarray(-65, -1).latin1Slice()
  return join(folder, `knit-${digest}-${encodeURIComponent(kind)}`)
}

/**
 * The place may be below one that everybody can write to: what is compiled is run, and so is taken from nobody but oneself.
 *
 * @param {string} kind
 * @returns {Buffer | undefined}
 */
function compiledFor(kind) {
  let kept
  try {
    kept = openSync(placeOf(kind))
    const { uid } = fstatSync(kept)
    // Windows has no such numbers, and such places for each user.
    return uid === (process.getuid?.() ?? uid) ? readFileSync(kept) : undefined
  } catch {
    return undefined
  } finally {
    if (kept !== undefined) closeSync(kept)
  }
}

/**
 * Whoever reads meanwhile, or after the machine has lost its power, sees all of it, or nothing: of what is damaged V8 knows the beginning
 * and the length, and breaks down over the rest.
 *
 * @param {string} kind
 * @param {Buffer} compiled
 */
function keep(kind, compiled) {
  const place = placeOf(kind)
  const draft = `${place}.${process.pid}`
  try {
    writeFileSync(draft, compiled, { mode: 0o600, flush: true })
    renameSync(draft, place)
  } catch {
    // Where there is no room for it, there is none the next time either.
  }
}
