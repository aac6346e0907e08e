import type { ChildProcess } from 'node:child_process'
import { readdirSync } from 'node:fs'
import type { WorkerSpec } from '#shared/ports/cluster.ts'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import type { Home } from './home.ts'
import { findImage, HOST_IMAGE, type LocalImage } from './images.ts'
import { launchInContainer } from './launch-in-container.ts'
import { launchInSandbox } from './launch-in-sandbox.ts'
import { realOf } from './private-folders.ts'
import { Refusal } from './refusal.ts'
import type { Setting } from './setting.ts'
import { reserveRecord, type Stored } from './worker-folder.ts'

/** Starts a worker's program; throws `Refusal` when it cannot begin. The process goes on whatever becomes of this one. */
export function launch(worker: Stored, setting: Setting): ChildProcess {
  requireEmpty(worker, setting.home)
  reserveRecord(worker)
  const image = imageOf(worker.spec, setting)
  if (image) return launchInSandbox(worker, image, setting)
  if (setting.engine) return launchInContainer(worker, setting.engine, setting)
  const { image: name } = worker.spec
  const advice = `add it with \`knit local image add ${name} DIR|TAR\`, or use ${HOST_IMAGE}, the files of this machine`
  throw new Refusal('plan', `the image ${name} is not known here: ${advice}`)
}

/** An image that was added to this home, or this machine itself. */
function imageOf({ image }: WorkerSpec, { home, path }: Setting): LocalImage | undefined {
  if (image === HOST_IMAGE) {
    const plain = { entrypoint: [], cmd: [], env: { PATH: path }, workingDir: '/tmp' }
    return { name: HOST_IMAGE, source: '/', base: '/', ...plain }
  }
  const found = findImage(home, image)
  return found && { ...found, base: realOf(found.base) }
}

/** Nobody else writes here, so looking just before the program starts is enough. */
function requireEmpty({ spec }: Stored, home: Home): void {
  const log = spec.logVolume ? [{ volume: spec.logVolume, path: '/log' }] : []
  for (const { volume, path } of [...spec.outputs, ...log]) {
    const [first] = entriesOf(volumeFolder(home, volume), volume)
    if (first)
      throw new Refusal('machine', `${path} is not empty, there is ${JSON.stringify(first)}`, 1)
  }
  for (const { volume } of spec.inputs) entriesOf(volumeFolder(home, volume), volume)
}

function entriesOf(folder: string, volume: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw new Refusal('machine', `the volume ${volume} cannot be read: ${String(error)}`, 1)
  }
}
