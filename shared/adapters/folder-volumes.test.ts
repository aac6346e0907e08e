import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import { entry, streamOf, tgz } from '#shared/archive/test-archives.ts'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import { whole } from '#shared/domain/archive-part.ts'
import { removeTree } from '#shared/files/trash.ts'
import { folderVolumes, type VolumeFolders } from './folder-volumes.ts'

const test = base.extend<{ folders: VolumeFolders; volume: string }>({
  folders: async ({}, use) => {
    const storage = mkdtempSync('/var/tmp/knit-folder-volumes-')
    const folders = { volumes: join(storage, 'volumes'), trash: join(storage, 'trash') }
    for (const folder of Object.values(folders)) mkdirSync(folder)
    await use(folders)
    await removeTree(storage)
  },
  volume: async ({}, use) => use(`data-knitid-${randomUUID()}`),
})

/** As a process leaves it that was killed while it received, or removed. */
function leaveHalf(folder: string): void {
  mkdirSync(join(folder, 'half'), { recursive: true })
  writeFileSync(join(folder, 'half/done'), '')
}

test('what a killed process had received of a volume, or not yet removed, goes with it', async ({
  folders,
  volume,
}) => {
  leaveHalf(join(folders.volumes, volume))
  leaveHalf(join(folders.trash, volume))
  await folderVolumes(folders).deleteVolume(volume)
  expect([folders.volumes, folders.trash].flatMap((folder) => readdirSync(folder))).toEqual([])
})

test('what a deletion left behind is removed by the next, though the volume is gone', async ({
  folders,
  volume,
}) => {
  leaveHalf(join(folders.trash, volume))
  await folderVolumes(folders).deleteVolume(volume)
  expect(readdirSync(folders.trash)).toEqual([])
})

test('a volume of which half was removed can be made again, and is empty', async ({
  folders,
  volume,
}) => {
  leaveHalf(join(folders.trash, volume))
  const volumes = folderVolumes(folders)
  await volumes.ensureVolume({ name: volume, labels: {} })
  expect(readdirSync(join(folders.volumes, volume))).toEqual([])
})

test('a volume that many delete at once is deleted once for all of them', async ({
  folders,
  volume,
}) => {
  leaveHalf(join(folders.volumes, volume))
  const volumes = folderVolumes(folders)
  const first = volumes.deleteVolume(volume)
  expect(volumes.deleteVolume(volume)).toBe(first)
  await first
  expect(existsSync(join(folders.volumes, volume))).toBe(false)
  expect(volumes.deleteVolume(volume)).not.toBe(first)
})

const nobody = 65534

/** Does something as who is not root, who may read and remove everything. */
async function asOrdinaryUser(folders: VolumeFolders, work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work()
  const { volumes, trash } = folders
  for (const folder of [dirname(volumes), volumes, trash]) chownSync(folder, nobody, nobody)
  process.seteuid?.(nobody)
  try {
    await work()
  } finally {
    process.seteuid?.(0)
  }
}

/** As a program leaves it that lets nobody read what it wrote. */
function leaveShut(folder: string): void {
  mkdirSync(folder)
  writeFileSync(join(folder, 'file'), 'four', { mode: 0 })
  chmodSync(folder, 0)
}

/** Folders in folders that nobody may write to; the path of the last is longer than the system takes. */
function leaveDeep(folder: string): void {
  mkdirSync(folder)
  for (let depth = 0; depth < 25; depth += 1) {
    const above = `${folder}.new`
    const within = join(above, 'd'.repeat(200))
    mkdirSync(above)
    renameSync(folder, within)
    chmodSync(within, 0o500)
    renameSync(above, folder)
  }
}

test('what nobody may read is measured and removed by whom it belongs to', async ({
  folders,
  volume,
}) =>
  asOrdinaryUser(folders, async () => {
    const volumes = folderVolumes(folders)
    await volumes.ensureVolume({ name: volume, labels: {} })
    leaveShut(join(folders.volumes, volume, 'shut'))
    expect(await volumes.measureVolume(volume)).toMatchObject({ bytes: 4, files: 1 })
    leaveShut(join(folders.volumes, volume, 'other'))
    await volumes.deleteVolume(volume)
    expect(readdirSync(folders.trash)).toEqual([])
  }))

test('what lies too deep is told as that, beside what nobody may read too, and removed', async ({
  folders,
  volume,
}) =>
  asOrdinaryUser(folders, async () => {
    const volumes = folderVolumes(folders)
    await volumes.ensureVolume({ name: volume, labels: {} })
    leaveShut(join(folders.volumes, volume, 'a'))
    leaveDeep(join(folders.volumes, volume, 'b'))
    await expect(volumes.measureVolume(volume)).rejects.toMatchObject({
      code: 'bad-entry',
      message: expect.stringMatching(/^"b\/d+…" lies too deep/),
    })
    await volumes.deleteVolume(volume)
    expect(readdirSync(folders.trash)).toEqual([])
  }))

test('what may be read by somebody else alone is told with whose it is', async ({
  folders,
  volume,
  skip,
}) => {
  if (process.geteuid?.() !== 0) skip('needs root, whose files others may not read: sudo npm test')
  const volumes = folderVolumes(folders)
  await volumes.ensureVolume({ name: volume, labels: {} })
  const file = join(folders.volumes, volume, 'file')
  writeFileSync(file, '', { mode: 0o600 })
  await asOrdinaryUser(folders, async () => {
    await expect(volumes.measureVolume(volume)).rejects.toMatchObject({
      code: 'bad-entry',
      message: expect.stringMatching(/^operation not permitted: .*\/file\. .* whom the program/),
    })
  })
})

test('of very many volumes the names come page by page', async ({ folders }) => {
  const volumes = folderVolumes(folders)
  const names = Array.from({ length: 2001 }, (_, index) => `data-knitid-${index}`)
  for (const name of names) mkdirSync(join(folders.volumes, name))
  const pages = await Array.fromAsync(await volumes.listVolumes())
  expect(pages.map(({ length }) => length)).toEqual([1000, 1000, 1])
  expect(new Set(pages.flat())).toEqual(new Set(names))
})

test('an archive that holds more than it may is refused, and nothing of it is kept', async ({
  folders,
  volume,
}) => {
  const volumes = folderVolumes(folders)
  await volumes.ensureVolume({ name: volume, labels: {} })
  const archive = tgz(entry({ name: 'a' }, 'four'), entry({ name: 'b' }, 'four'))
  const receive = (limits: ArchiveLimits) =>
    volumes.receive(volume, streamOf(archive), whole, limits)
  for (const limits of [{ maxDataBytes: 7 }, { maxDataEntries: 1 }]) {
    const message = expect.stringContaining(`the limit (${Object.keys(limits).join('')})`)
    await expect(receive(limits)).rejects.toMatchObject({ code: 'too-large', message })
    expect(readdirSync(join(folders.volumes, volume))).toEqual([])
  }
  const { measure } = await receive({ maxDataBytes: 8, maxDataEntries: 2 })
  expect(measure).toMatchObject({ bytes: 8, files: 2 })
})

test('what is no name of a volume is no path either', async ({ folders }) => {
  const volumes = folderVolumes(folders)
  for (const name of ['..', 'data-knitid-', `data-knitid-${randomUUID()}/..`, 'DATA'])
    for (const work of [
      () => volumes.deleteVolume(name),
      () => volumes.ensureVolume({ name, labels: {} }),
      () => volumes.send(name),
      () => volumes.listFiles(name, { path: '', limit: 1 }),
      () => volumes.readFile(name, 'a'),
    ])
      await expect(work()).rejects.toThrow('cannot be the name of a volume')
})

test.for([
  ['a short log', 10],
  ['a long log', 300_000],
] as const)('%s can be read while its program prints', async ([, size], { folders, volume }) => {
  const volumes = folderVolumes(folders)
  await volumes.ensureVolume({ name: volume, labels: {} })
  const log = join(folders.volumes, volume, 'log')
  writeFileSync(log, 'x'.repeat(size))
  const read = new AbortController()
  const printing = async () => {
    while (!read.signal.aborted) await appendFile(log, 'y')
  }
  const printed = printing()
  for (let reading = 0; reading < 50; reading += 1)
    expect(await text(await volumes.readLog(volume))).toMatch(/^x+y*$/)
  read.abort()
  await printed
})

const others: Record<string, (path: string, elsewhere: string) => void> = {
  'a link to a directory': (path, elsewhere) => symlinkSync(elsewhere, path),
  'a link to nothing': (path, elsewhere) => symlinkSync(`${elsewhere}/no`, path),
  'a file': (path) => writeFileSync(path, 'x'),
}
test.for(Object.entries(others))(
  'what has the name of a volume and is %s is none, whoever put it there: nothing is read through it, or written',
  async ([, put], { folders, volume }) => {
    const elsewhere = join(folders.trash, 'elsewhere')
    mkdirSync(elsewhere)
    writeFileSync(join(elsewhere, 'secret'), 'x')
    put(join(folders.volumes, volume), elsewhere)
    const volumes = folderVolumes(folders)

    expect(await volumes.adoptVolume(volume)).toBe('absent')
    expect(await volumes.measureVolume(volume)).toBeUndefined()
    const uses: (() => Promise<unknown>)[] = [
      () => volumes.requireVolume(volume),
      () => volumes.send(volume),
      () => volumes.listFiles(volume, { path: '', limit: 1 }),
      () => volumes.readFile(volume, 'secret'),
      () => volumes.readLog(volume),
      () => volumes.receive(volume, streamOf(tgz(entry({ name: 'new' }, 'x')))),
    ]
    for (const use of uses) await expect(use()).rejects.toThrow(`there is no volume ${volume}`)
    expect(readdirSync(elsewhere)).toEqual(['secret'])
  },
)
