// `node cli/node.mjs PROGRAM …` runs a program of this checkout with a Node that is new enough, whichever one runs this: older
// versions of npm do not put the Node that they brought on the PATH of scripts.
import { isNewEnough, runWithOwnNode } from './own-node.cjs'
import { runInForeground } from './foreground.mjs'

const words = process.argv.slice(2)
process.exitCode = isNewEnough
  ? await runInForeground([process.execPath, ...words])
  : await runWithOwnNode(words)
