/* What an executable begins with: it has the bundle as it is, and what V8 has compiled of it where it was made for the platform that made it. */
const { join } = require('node:path')
const { getAssetKeys, getRawAsset } = require('node:sea')
const { runBundle } = require('../run-bundle.cjs')

const all = getAssetKeys()

/** @param {string} name */
const bytesOf = (name) => (all.includes(name) ? Buffer.from(getRawAsset(name)) : undefined)

// Most commands need what one does that asks a server.
const compiledFor = (kind) => bytesOf(`compiled/${kind}`) ?? bytesOf('compiled/data find')

runBundle({ file: join(__dirname, 'cli.cjs'), source: bytesOf('cli.cjs') }, { compiledFor })
