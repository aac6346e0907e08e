import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootWith } from '#tests/support/root-file-system.ts'
import type { Bench } from './harness.ts'
import { runFor } from './processes.ts'

/** Runs a line of shell so often in containers of their own, in so many loops at a time; milliseconds. */
export type ContainerLoop = {
  version: string
  run(times: number, atOnce: number): Promise<number>
}

type Config = {
  process: { terminal: boolean; args: string[] }
  root: { path: string; readonly: boolean }
  mounts: unknown[]
}

/** A shell loop of `runc run`, with a container for each turn, and folders for what is read and written. */
export async function runcLoop(bench: Bench, line: string): Promise<ContainerLoop> {
  const folder = await bench.folder('runc')
  const root = rootWith(folder, ['sh', 'cat'])
  // What runc mounts there.
  for (const name of ['proc', 'dev', 'sys', 'in', 'out'])
    mkdirSync(join(root, name), { recursive: true })
  const version = execFileSync('runc', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? ''
  const bundleOf = (lane: number): string => {
    const bundle = join(folder, `lane-${lane}`)
    for (const name of ['in', 'out']) mkdirSync(join(bundle, name), { recursive: true })
    writeFileSync(join(bundle, 'in/text'), 'a line of text\n')
    execFileSync('runc', ['spec'], { cwd: bundle })
    const path = join(bundle, 'config.json')
    const config = JSON.parse(readFileSync(path, 'utf8')) as Config
    const mounts = ['in', 'out'].map((name) => ({
      destination: `/${name}`,
      type: 'bind',
      source: join(bundle, name),
      options: ['bind', name === 'in' ? 'ro' : 'rw'],
    }))
    const changed: Config = {
      ...config,
      process: { ...config.process, terminal: false, args: ['/bin/sh', '-c', line] },
      root: { path: root, readonly: true },
      mounts: [...config.mounts, ...mounts],
    }
    writeFileSync(path, JSON.stringify(changed))
    return bundle
  }
  const bundles: string[] = []
  let loops = 0
  return {
    version,
    async run(times, atOnce) {
      while (bundles.length < atOnce) bundles.push(bundleOf(bundles.length))
      loops += 1
      const script =
        'i=0; while [ $i -lt "$1" ]; do runc run --bundle "$2" "$3-$i" || exit 1; i=$((i+1)); done'
      const start = performance.now()
      await Promise.all(
        bundles.slice(0, atOnce).map((bundle, lane) => {
          const turns = Math.ceil((times - lane) / atOnce)
          const name = `knit-bench-${process.pid}-${loops}-${lane}`
          return runFor('sh', ['-c', script, 'sh', String(turns), bundle, name])
        }),
      )
      return performance.now() - start
    },
  }
}
