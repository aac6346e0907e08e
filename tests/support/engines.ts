import { execFileSync } from 'node:child_process'
import { hash, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '#shared/adapters/local-cluster/engine.ts'
import { engineNames, findEngine } from '#shared/adapters/local-cluster/find-engine.ts'
import { rootWith } from './root-file-system.ts'

/** The container engines that work on this machine for whoever runs the tests. */
export async function enginesHere(): Promise<Engine[]> {
  const folder = mkdtempSync('/var/tmp/knit-engines-')
  try {
    const found = await Promise.all(
      engineNames.map((name) => findEngine(name, { folder, env: process.env })),
    )
    return found.flatMap((one) => ('engine' in one ? [one.engine] : []))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Why what takes an engine is not tested here: a test says so where `enginesHere` finds none. */
export const noEngine = 'needs docker or podman: apt-get install podman'

export type MadeImage = { name: string; remove(): void }

/** An image with `sh` and the usual small programs, and changes as `import --change` takes them. */
export function makeImage(engine: Engine, ...changes: string[]): MadeImage {
  const folder = mkdtempSync('/var/tmp/knit-image-')
  try {
    const programs = ['sh', 'cat', 'touch', 'sleep', 'mkdir', 'chmod', 'id', 'ls', 'tail']
    const root = rootWith(folder, programs)
    for (const more of ['tmp', 'etc']) mkdirSync(join(root, more))
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n')
    const archive = join(folder, 'root.tar')
    execFileSync('tar', ['--owner=0', '--group=0', '-cf', archive, '-C', root, '.'])
    const name = `knit.local/test-${randomUUID()}:1`
    const flags = ['ENV PATH=/bin', ...changes].flatMap((change) => ['--change', change])
    run(engine, 'import', ...flags, archive, name)
    return { name, remove: () => run(engine, 'image', 'rm', '--force', name) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** An image for another kind of machine, with nothing in it. */
export function foreignImage(engine: Engine, architecture: string): MadeImage {
  const folder = mkdtempSync('/var/tmp/knit-image-')
  try {
    const name = `knit.local/test-${randomUUID()}:1`
    const layer = Buffer.alloc(1024)
    const rootfs = { type: 'layers', diff_ids: [`sha256:${hash('sha256', layer)}`] }
    const config = JSON.stringify({ architecture, os: 'linux', config: {}, rootfs })
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]
    const files = {
      'layer.tar': layer,
      'config.json': config,
      'manifest.json': JSON.stringify(manifest),
    }
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content)
    const archive = join(folder, 'image.tar')
    execFileSync('tar', ['-cf', archive, '-C', folder, ...Object.keys(files)])
    run(engine, 'load', '--input', archive)
    return { name, remove: () => run(engine, 'image', 'rm', '--force', name) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Calls an engine as a person would. */
export function run({ words: [file = '', ...before] }: Engine, ...args: string[]): string {
  return execFileSync(file, [...before, ...args], { encoding: 'utf8', stdio: 'pipe', cwd: '/' })
}
