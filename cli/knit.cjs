#!/usr/bin/env node
// Runs on any Node: it finds one that is new enough, and then the program. CommonJS, as that begins sooner than a module does.
const { isNewEnough, runWithOwnNode } = require('./own-node.cjs')

if (isNewEnough) start()
else void runWithOwnNode([__filename, ...process.argv.slice(2)]).then(end)

/** The sources in a checkout; the bundle in an installed package, below which Node strips no types. */
function start() {
  const { existsSync } = require('node:fs')
  require('node:module').enableCompileCache()
  const installed = __dirname.split(/[\\/]/).includes('node_modules')
  if (existsSync(`${__dirname}/main.ts`) && !installed) void import('./main.ts')
  else require('./start-bundle.cjs')
}

/** @param {number} exitCode */
function end(exitCode) {
  process.exitCode = exitCode
}
