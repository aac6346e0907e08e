#!/usr/bin/env node
// Runs on any Node that knows modules: it finds a Node that is new enough, and then the program.
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInForeground } from './foreground.mjs'

const needed = 24
const here = dirname(fileURLToPath(import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= needed) await start()
else process.exitCode = await startWithOwnNode()

async function start() {
  module.enableCompileCache()
  await import(program())
}

/** The sources in a checkout; the bundle in an installed package, below which Node strips no types. */
function program() {
  const source = new URL('./main.ts', import.meta.url)
  const installed = here.split(/[\\/]/).includes('node_modules')
  return existsSync(source) && !installed ? source : new URL('../dist/cli.mjs', import.meta.url)
}

async function startWithOwnNode() {
  const node = ownNode()
  if (node) return runInForeground([node, fileURLToPath(import.meta.url), ...process.argv.slice(2)])
  process.stderr.write(
    `knit needs Node ${needed} or newer, and this is Node ${process.versions.node}\n` +
      'try: npm ci (with optional packages), or install Node from https://nodejs.org\n',
  )
  return 1
}

/** The Node that npm brought with this package. */
function ownNode() {
  const names = [
    `node-${process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
    `node-${process.platform.slice(0, 3)}-${process.arch}`,
  ]
  const require = createRequire(import.meta.url)
  for (const name of names) {
    for (const file of ['node', 'node.exe']) {
      const path = resolved(require, name, file)
      if (path) return path
    }
  }
  return undefined
}

function resolved(require, name, file) {
  try {
    const path = join(dirname(require.resolve(`${name}/package.json`)), 'bin', file)
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}
