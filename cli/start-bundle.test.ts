import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from './testing.ts'

/** Loaded before the launcher: tells whether V8 was given something that it had compiled before, and took it. */
const witness = `data:text/javascript,${encodeURIComponent(`
  import vm from 'node:vm'
  const { Script } = vm
  vm.Script = class extends Script {
    constructor(source, options) {
      super(source, options)
      const said = !options.cachedData ? 'none' : this.cachedDataRejected ? 'refused' : 'taken'
      process.on('exit', () => console.log(said))
    }
  }
`)}`

/** An installed package of which the bundle is this program, and a place where what is compiled of it can be kept. */
function installed(kept: string, program: string) {
  const dir = tempDir()
  for (const name of ['cli', 'dist']) mkdirSync(join(dir, name))
  for (const name of ['knit.cjs', 'own-node.cjs', 'run-bundle.cjs', 'start-bundle.cjs'])
    copyFileSync(join(import.meta.dirname, name), join(dir, 'cli', name))
  const digest = createHash('sha256').update(program).digest('hex')
  writeFileSync(join(dir, 'dist/cli.cjs'), `${program}// data run ${digest}\n`)
  const words = ['--import', witness, join(dir, 'cli/knit.cjs')]
  return (line: string, env = {}) => {
    const { stdout, stderr } = spawnSync(process.execPath, [...words, ...line.split(' ')], {
      env: { ...process.env, NODE_COMPILE_CACHE: kept, ...env },
      encoding: 'utf8',
    })
    return `${stdout}${stderr}`
  }
}

const filesIn = (kept: string): string[] =>
  readdirSync(kept, { recursive: true, encoding: 'utf8' })
    .filter((file) => /knit-[^/]*$/.test(file))
    .map((file) => join(kept, file))

const program = `console.log('one')\n`

test('what V8 has compiled is kept for the next command line of the same command', () => {
  const kept = tempDir()
  const knit = installed(kept, program)
  expect(knit('data find')).toBe('one\nnone\n')
  expect(knit('data find --tag a:b')).toBe('one\ntaken\n')
  expect(knit('data push set')).toBe('one\nnone\n')
  expect(knit('init profile')).toBe('one\nnone\n')
  expect(knit('init another')).toBe('one\ntaken\n')
  expect(knit('data find --help')).toBe('one\nnone\n')
  expect(knit('run --help')).toBe('one\ntaken\n')
})

test('what is broken, or of another V8, is made anew', () => {
  const kept = tempDir()
  const knit = installed(kept, program)
  knit('data find')
  const [file = ''] = filesIn(kept)
  const compiled = readFileSync(file)
  for (const other of [Buffer.alloc(0), Buffer.alloc(compiled.length), compiled.subarray(0, -8)]) {
    writeFileSync(file, other)
    expect(knit('data find')).toBe('one\nrefused\n')
    expect(knit('data find')).toBe('one\ntaken\n')
  }
})

test('of another bundle nothing is taken, be it as long', () => {
  const kept = tempDir()
  installed(kept, program)('data find')
  const knit = installed(kept, program.replace('one', 'two'))
  expect(knit('data find')).toBe('two\nnone\n')
  expect(knit('data find')).toBe('two\ntaken\n')
})

test('what somebody else has put there is not run', () => {
  const knit = installed(tempDir(), program)
  const another = { NODE_OPTIONS: `--import ${asAnotherUser}` }
  expect(knit('data find', another)).toBe('one\nnone\n')
  expect(knit('data find', another)).toBe('one\nnone\n')
  expect(knit('data find')).toBe('one\ntaken\n')
})

const asAnotherUser =
  'data:text/javascript,process.getuid=new(Proxy)(process.getuid,{apply:(...all)=>Reflect.apply(...all)+1})'

test('a command that fails leaves nothing, nor does any where nothing is to be kept', () => {
  const kept = tempDir()
  const failing = installed(kept, `process.exitCode = 2\n`)
  expect([failing('dta'), failing('dta')]).toEqual(['none\n', 'none\n'])
  const knit = installed(kept, program)
  const never = { NODE_DISABLE_COMPILE_CACHE: '1' }
  expect([knit('data find', never), knit('data find', never)]).toEqual([
    'one\nnone\n',
    'one\nnone\n',
  ])
  const nowhere = { NODE_COMPILE_CACHE: import.meta.filename }
  expect([knit('data find', nowhere), knit('data find', nowhere)]).toEqual([
    'one\nnone\n',
    'one\nnone\n',
  ])
  expect(filesIn(kept)).toEqual([])
})

test('no word leads out of the place where it is kept', () => {
  const kept = tempDir()
  const knit = installed(kept, program)
  knit('../../out')
  expect(filesIn(kept).map((file) => file.replace(/.*knit-\w+-/, ''))).toEqual(['..%2F..%2Fout'])
})
