import { join } from 'node:path'
import { shellLine } from '#shared/domain/shell.ts'
import { npxKnit } from '#shared/files/npx-knit.ts'

type Place = {
  apiRoot: string
  folder: string
  /** Whether there is somebody at a terminal who can press keys. */
  atTerminal: boolean
  env: NodeJS.ProcessEnv
  cwd: string
}

/** What is said when a local home answers: where it is, and what to do next, as it can be pasted. */
export function welcome({ apiRoot, folder, atTerminal, env, cwd }: Place): string {
  // From a checkout, where there is no `knit` but by npx, this was started by npm.
  const knit = env['npm_lifecycle_event'] ? npxKnit(env, cwd) : ['knit']
  const stop = shellLine([...knit, 'local', 'stop', '--home', folder])
  const next = [
    [shellLine([...knit, 'init', join(folder, 'knitprofile')]), 'use it from the current folder'],
    [atTerminal ? 'Ctrl-C' : stop, 'stop it'],
  ] as const
  const width = Math.max(...next.map(([command]) => command.length))
  const lines = next.map(([command, what]) => `  ${command.padEnd(width)}   ${what}\n`)
  return `
The local home is ready.

  API   ${apiRoot}
  data  ${folder}

${lines.join('')}`
}
