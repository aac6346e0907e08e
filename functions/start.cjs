/*
 * Starts a function, or a job, that has been built: node start.cjs NAME. Beside its bundle lies what V8 had compiled of it by the time it
 * had served (--compile writes that), which takes a third of the time away; another V8 refuses it and compiles by itself. The
 * cache that Node can keep holds too little: only what is compiled before a module runs.
 */
const { existsSync, readdirSync, readFileSync, writeFileSync } = require('node:fs')
const { constants, Script } = require('node:vm')

const [name, option] = process.argv.slice(2)
const bundle = `${__dirname}/functions/${name}.cjs`
const compiled = `${bundle}.compiled`

/** The bytes of a file; undefined when there is none. */
function bytesOf(file) {
  try {
    return readFileSync(file)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

const source = bytesOf(bundle)
const job = `${__dirname}/${name}.mjs`
if (!source && existsSync(job)) return import(job)
if (!source) {
  const names = readdirSync(`${__dirname}/functions`).filter((file) => file.endsWith('.cjs'))
  console.error(`There is no function "${name}".`)
  console.error(`There are: ${names.map((file) => file.slice(0, -'.cjs'.length)).join(', ')}`)
  process.exit(2)
}
// A bundle is a function of `require`, in ASCII, of which V8 keeps a byte a character when it is told so.
const program = new Script(source.latin1Slice(), {
  // Wherever it lies, it is the same.
  filename: `${name}.cjs`,
  cachedData: bytesOf(compiled),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})
if (option === '--compile')
  process.once('exit', () => writeFileSync(compiled, program.createCachedData()))
program.runInThisContext()(require)
