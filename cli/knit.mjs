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

/** The sources in a checkout; the bundle in an installed package, below which Node strips no types. */
async function start() {
  module.enableCompileCache()
  const source = new URL('./main.ts', import.meta.url)
  const installed = dirname(self).split(/[\\/]/).includes('node_modules')
  if (existsSync(source) && !installed) await import(source)
  // Not by import: that reads all of it once more, to find out what it exports.
  else module.createRequire(import.meta.url)('../dist/cli.cjs')
}
