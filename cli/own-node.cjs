const { existsSync } = require('node:fs')
const { delimiter, dirname, join } = require('node:path')

const needed = 24

exports.needed = needed

exports.isNewEnough = Number(process.versions.node.split('.')[0]) >= needed

/**
 * Runs a program with the Node that npm brought with this package, which its children find first as well; answers its exit code.
 *
 * @param {readonly string[]} words
 * @returns {Promise<number>}
 */
exports.runWithOwnNode = async (words) => {
  const node = ownNode()
  if (node) {
    process.env.PATH = [dirname(node), process.env.PATH].join(delimiter)
    const { runInForeground } = await import('./foreground.mjs')
    return runInForeground([node, ...words])
  }
  process.stderr.write(
    `Knitfab needs Node ${needed} or newer, and this is Node ${process.versions.node}\n` +
      `try: ${byNpm()}install Node ${needed} or newer from https://nodejs.org\n`,
  )
  return 1
}

// A checkout has one among its packages; an installed package has no packages.
const byNpm = () =>
  existsSync(join(__dirname, 'main.ts')) ? 'npm ci (with optional packages), or ' : ''

/** @returns {string | undefined} */
function ownNode() {
  const names = [
    `node-${process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
    `node-${process.platform.slice(0, 3)}-${process.arch}`,
  ]
  for (const name of names) {
    for (const file of ['node', 'node.exe']) {
      const path = resolved(name, file)
      if (path) return path
    }
  }
  return undefined
}

/**
 * @param {string} name
 * @param {string} file
 */
function resolved(name, file) {
  try {
    const path = join(dirname(require.resolve(`${name}/package.json`)), 'bin', file)
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}
