import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Script } from 'node:vm'
import { build } from 'esbuild'
import { bundle as bundleClient } from './cli/bundle.ts'
import { makeExecutable } from './cli/executable/make-executable.ts'
import { whyNot } from './cli/executable/platform-node.ts'
import { makePackage } from './cli/npm-package.ts'
import { Misused, runProgram } from './shared/runtime/command-line.ts'

const usage = `Usage: npm run build -- [--readable] [--executable PLATFORM]... [FOLDER]

Bundles every function and program into FOLDER, which is replaced; default: dist

  --readable             functions keep their lines and the names of what they are made of
  --executable PLATFORM  makes the command line one file that needs no Node, as FOLDER/knit-PLATFORM;
                         for linux-x64, linux-arm64 and win-x64. Fetches the Node of other platforms.
  --help                 show this
`

/** Every function with the name of its service, found in the tree. */
function functions() {
  const found = [['gateway', 'functions/gateway/function.ts']]
  for (const [folder, prefix] of [
    ['api', 'api'],
    ['steps', 'step'],
  ])
    for (const name of readdirSync(`functions/${folder}`).sort())
      found.push([`${prefix}-${name}`, `functions/${folder}/${name}/function.ts`])
  return found
}

/** A program that runs once, with its entry. */
function jobs() {
  if (!existsSync('functions/jobs')) return []
  return readdirSync('functions/jobs')
    .sort()
    .map((name) => [`job-${name}`, `functions/jobs/${name}/main.ts`])
}

/** What packages bring along and nothing here uses, or not to start with: [package, what it imports, what it gets]. */
const leftOut = [
  // Every language but English: 260 KB.
  ['zod', /locales\/index\.js$/, 'export {}'],
  // Other transports than the one that serves functions, a client among them, and numbers larger than ours.
  ['cloudevents', /^\.\/(transport\/(emitter|http)|kafka|mqtt)$/, ''],
  ['cloudevents', /^json-bigint$/, ''],
  ['cloudevents', /^uuid$/, "exports.v4 = require('node:crypto').randomUUID"],
  // Ways to sign in, to reach a server and to talk to containers that functions, which have an account of the cluster, do not go.
  ...[
    'openid-client',
    'isomorphic-ws',
    'tar-fs',
    'jsonpath-plus',
    'socks',
    'socks-proxy-agent',
    'stream-buffers',
  ].map((name) => ['@kubernetes/client-node', new RegExp(`^${name}$`), 'module.exports = {}']),
  // Metrics of many processes, of kinds that are not ours, and such as are pushed.
  [
    'prom-client',
    /^\.\/lib\/(bucketGenerators|cluster|defaultMetrics|metricAggregators|pushgateway|summary)$/,
    '',
  ],
  // What takes a while to load, until a connection is encrypted, or has been lost.
  ['postgres', /^tls$/, "exports.connect = (...args) => require('node:tls').connect(...args)"],
  ['postgres', /^perf_hooks$/, 'exports.performance = { now: () => performance.now() }'],
]

const lean = {
  name: 'lean',
  setup({ onResolve, onLoad }) {
    for (const [name, filter, contents] of leftOut) {
      const namespace = `${name} without ${filter}`
      onResolve({ filter }, ({ importer, path }) =>
        importer.includes(`node_modules/${name}/`) ? { path, namespace } : undefined,
      )
      onLoad({ filter: /.*/, namespace }, () => ({ contents }))
    }
  },
}

/** What few configure and nobody else should load is a bundle of its own, beside those that ask for it. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /otlp-sink\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './otlp-sink.cjs', external: true } : undefined,
    )
  },
}

const common = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [lean, apart],
}

// An ES module that imports node:http, and an import that waits, make Node load all of `fetch` with it.
const commonjs = { ...common, format: 'cjs', supported: { 'dynamic-import': false } }

/** How a function is started: the client of Kubernetes is only in the bundles of those that call it. */
async function startOf(path) {
  const { default: fn } = await import(`./${path}`)
  if ((fn.deploy.uses ?? []).length === 0) return 'serve(fn)'
  return `
        import { openKubernetes } from '#shared/runtime/open-kubernetes.ts'
        serve(fn, openKubernetes)`
}

// Names stay as they are, for logs.
const served = async ([name, path], { out, readable }) =>
  build({
    ...commonjs,
    minifySyntax: !readable,
    minifyWhitespace: !readable,
    // The function that start.cjs calls.
    banner: { js: '(function (require) {"use strict";' },
    footer: { js: '})' },
    stdin: {
      contents: `
        import '#shared/runtime/jitless.ts'
        import fn from './${path}'
        import { serve } from '#shared/runtime/serve.ts'
        ${await startOf(path)}`,
      resolveDir: '.',
      sourcefile: `${name}.ts`,
      loader: 'ts',
    },
    outfile: `${out}/functions/${name}.cjs`,
  })

/** Starts a function that has been built, and lets it answer, for `start.cjs` to keep what V8 compiles meanwhile. */
async function compile(name, out) {
  const env = {
    KNIT_HOST: '127.0.0.1',
    KNIT_PORT: '0',
    KNIT_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    KNIT_SIGNING_KEY: 'a key that is needed to start at all',
  }
  const stdio = ['ignore', 'inherit', 'pipe']
  // The same source then gives the same bytes.
  const predictable = ['--predictable', '--hash-seed=1']
  const child = spawn(process.execPath, [...predictable, `${out}/start.cjs`, name, '--compile'], {
    env,
    stdio,
  })
  let log = ''
  child.stderr.on('data', (chunk) => (log += chunk))
  const ended = once(child, 'exit')
  while (!/"port":\d+/.test(log) && child.exitCode === null)
    await Promise.race([once(child.stderr, 'data'), ended])
  const [, port] = /"port":(\d+)/.exec(log) ?? []
  for (const path of port ? ['healthz', 'readyz', ''] : [])
    await fetch(`http://127.0.0.1:${port}/${path}`).then((answer) => answer.text())
  child.kill('SIGTERM')
  const [code] = await ended
  if (code !== 0) throw new Error(`The function ${name} has been built, but does not run:\n${log}`)
  admit(`${out}/functions/${name}.cjs`)
}

/** V8 takes only what was compiled with the options it has itself: it is told that these were the usual ones, and asked. */
function admit(bundle) {
  const compiled = readFileSync(`${bundle}.compiled`)
  const [optionsAt, end] = [12, 16]
  new Script('').createCachedData().copy(compiled, optionsAt, optionsAt, end)
  writeFileSync(`${bundle}.compiled`, compiled)
  const source = readFileSync(bundle, 'latin1')
  if (new Script(source, { cachedData: compiled }).cachedDataRejected)
    throw new Error(`What V8 had compiled of ${bundle} is not taken by this V8.`)
}

const program = ([name, path], out) =>
  build({
    ...common,
    format: 'esm',
    minify: true,
    keepNames: true,
    // Some packages still call require, which an ES module does not have.
    banner: {
      js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
    },
    entryPoints: [path],
    outfile: `${out}/${name}.mjs`,
  })

/** What sends traces, for `apart`. */
const sink = (out) =>
  build({
    ...commonjs,
    minify: true,
    keepNames: true,
    entryPoints: ['shared/adapters/otlp-sink.ts'],
    outfile: `${out}/otlp-sink.cjs`,
  })

async function buildAll({ readable, executable = [] }, [out = 'dist', ...more]) {
  if (more.length > 0) throw new Misused(`Too many folders: ${more.join(', ')}`)
  for (const platform of executable) {
    const reason = whyNot(platform)
    if (reason) throw new Misused(`No executable for ${platform}: ${reason}`)
  }
  rmSync(out, { recursive: true, force: true })
  const programs = [['local', 'functions/local.ts'], ...jobs()]
  await Promise.all([
    ...functions().map((fn) => served(fn, { out, readable })),
    ...programs.map((one) => program(one, out)),
    sink(out),
    bundleClient(out),
  ])
  cpSync('shared/database/migrations', `${out}/migrations`, { recursive: true })
  cpSync('functions/start.cjs', `${out}/start.cjs`)
  await makePackage({ dist: out, folder: `${out}/npm` })
  for (const platform of executable) await makeExecutable({ platform, dist: out, folder: out })
  const names = functions()
    .map(([name]) => name)
    .values()
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (const name of names) await compile(name, out)
    }),
  )
  console.log(`${functions().length} functions and ${programs.length + 1} programs are in ${out}/`)
}

const options = { readable: { type: 'boolean' }, executable: { type: 'string', multiple: true } }
process.exitCode = await runProgram({ usage, options, takesWords: true, run: buildAll })
