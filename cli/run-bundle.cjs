const { dirname } = require('node:path')
const { Script } = require('node:vm')

const opening = Buffer.from('(function (require, __dirname) {')
const closing = Buffer.from('\n})')

/**
 * Runs the bundle, with what V8 had compiled of it by the end of a command line like this one: a third of the time would go into
 * compiling it again. The cache that Node can keep holds too little: only what is compiled before a module runs.
 *
 * @param {{ file: string, source: Buffer }} bundle in ASCII, of which V8 keeps a byte a character when it is told so
 * @param {object} [memory] by kinds of command lines
 * @param {(kind: string) => Buffer | undefined} [memory.compiledFor] what was kept
 * @param {(kind: string, compiled: Buffer) => void} [memory.keep]
 */
exports.runBundle = ({ file, source }, { compiledFor, keep } = {}) => {
  const kind = kindOf(process.argv.slice(2), groupsIn(source))
  const cachedData = compiledFor?.(kind)
  // Put together before: V8 would make another text of several.
  const program = new Script(Buffer.concat([opening, source, closing]).latin1Slice(), {
    filename: file,
    columnOffset: -opening.length,
    cachedData,
  })
  // Another V8 refuses it, and compiles by itself.
  if (keep && (!cachedData || program.cachedDataRejected))
    process.once('exit', (code) => {
      if (code === 0) keep(kind, program.createCachedData())
    })
  program.runInThisContext()(require, dirname(file))
}

/**
 * Those that need about the same: help, or a command, which below a group is called by two words.
 *
 * @param {string[]} words
 * @param {string[]} groups
 */
function kindOf(words, groups) {
  const [help] = words.filter((word) => /^(--help|-h)$/.test(word))
  const [first = '--help', second] = words
  return help ?? (groups.includes(first) && second ? `${first} ${second}` : first)
}

/**
 * The last line has the commands with others below them, and the digest of the rest.
 *
 * @param {Buffer} source
 */
const groupsIn = (source) =>
  source
    .subarray(source.lastIndexOf('\n', -2) + 1)
    .latin1Slice()
    .split(' ')
    .slice(1, -1)
