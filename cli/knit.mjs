#!/usr/bin/env node
// Runs on any Node that knows modules: it finds a Node that is new enough, and then the program.
import { existsSync } from 'node:fs'
import module from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isNewEnough, runWithOwnNode } from './own-node.mjs'

const self = fileURLToPath(import.meta.url)

if (isNewEnough) await start()
else process.exitCode = await runWithOwnNode([self, ...process.argv.slice(2)])

async function start() {
  module.enableCompileCache()
  await import(program())
}

/** The sources in a checkout; the bundle in an installed package, below which Node strips no types. */
function program() {
  const source = new URL('./main.ts', import.meta.url)
  const installed = dirname(self).split(/[\\/]/).includes('node_modules')
  return existsSync(source) && !installed ? source : new URL('../dist/cli.mjs', import.meta.url)
}
