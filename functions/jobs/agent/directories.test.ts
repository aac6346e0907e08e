import { hash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import { isCall, publicKeyFrom } from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import { directoriesIn } from '#shared/adapters/kubernetes-cluster/directories.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import type { Volumes } from '#shared/adapters/kubernetes-cluster/volumes.ts'
import { pack } from '#shared/archive/pack.ts'
import { allVolumesOf, NoSuchVolume, type Received } from '#shared/ports/cluster.ts'
import { until } from '#tests/support/until.ts'
import { createAgent } from './agent.ts'

type There = {
  volumes: Volumes
  /** As somebody without our key would have them. */
  foreign: Volumes
  /** Where the agent has a directory. */
  folderOf(volume: string): string
  scratch: string
  /** The agent goes, and comes back as another. */
  stop(): Promise<void>
  start(): Promise<void>
}

const test = base.extend<{ there: There; volume: string }>({
  volume: async ({}, use) => use(`data-knitid-${randomUUID()}`),
  there: async ({}, use) => {
    const storage = mkdtempSync('/var/tmp/knit-directories-')
    const makeFolder = (name: string) => {
      mkdirSync(join(storage, name))
      return join(storage, name)
    }
    const folders = { volumes: makeFolder('volumes'), trash: makeFolder('trash') }
    const key = publicKeyFrom('our key')
    const mayCall = (token: string | undefined, about: string) => isCall(token, about, key)
    let server: Server
    let port = 0
    const start = async () => {
      server = createAgent({ folders, mayCall })
      await once(server.listen(port, '127.0.0.1'), 'listening')
      ;({ port } = server.address() as AddressInfo)
    }
    const stop = async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    }
    await start()
    const agentUrl = `http://127.0.0.1:${port}`
    const seenBy = (signingKey: string) =>
      directoriesIn({ namespace: 'knit', signingKey } as ClusterSettings, {
        layout: 'shared',
        agentUrl,
      })
    const scratch = makeFolder('scratch')
    await use({
      volumes: seenBy('our key'),
      foreign: seenBy('another'),
      folderOf: (volume) => join(folders.volumes, volume),
      scratch,
      stop,
      start,
    })
    await stop()
    rmSync(storage, { recursive: true })
  },
})

test('directories are made, filled, read, measured, listed and deleted by the agent that has them', async ({
  there: { volumes, folderOf, scratch },
  volume,
}) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  writeFileSync(join(scratch, 'log'), 'four')
  const { measure } = await volumes.receive(volume, pack(scratch))
  expect(measure).toMatchObject({ bytes: 4, files: 1 })
  expect(await volumes.measureVolume(volume)).toEqual(measure)
  expect(await text(await volumes.readLog(volume))).toBe('four')
  const sending = await volumes.send(volume)
  const sent = Buffer.concat(await sending.toArray())
  expect(sending.digest?.()).toBe(measure?.digest)
  const kept = Buffer.concat(await pack(folderOf(volume)).toArray())
  expect(sent.equals(kept)).toBe(true)
  await volumes.requireMounts([volume])
  expect(await allVolumesOf(volumes)).toEqual([volume])

  await volumes.deleteVolume(volume)
  await volumes.deleteVolume(volume)
  expect(await allVolumesOf(volumes)).toEqual([])
})

test('files are listed and read by the agent, and what stands against it is told as it is', async ({
  there: { volumes, scratch },
  volume,
}) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  mkdirSync(join(scratch, 'd'))
  for (const name of ['a', 'd/ü ?&', 'd/z']) writeFileSync(join(scratch, name), '0123456789')
  await volumes.receive(volume, pack(scratch))
  const first = await volumes.listFiles(volume, { path: 'd', limit: 1 })
  expect(first).toMatchObject({ files: [{ path: 'd/z', type: 'file', size: 10 }], after: 'z' })
  const rest = await volumes.listFiles(volume, { path: 'd', limit: 1, after: 'z' })
  expect(rest.files.map(({ path }) => path)).toEqual(['d/ü ?&'])
  expect(rest).not.toHaveProperty('after')

  const { content, ...whole } = await volumes.readFile(volume, 'd/ü ?&')
  expect([whole, await text(content)]).toEqual([{ size: 10, from: 0, bytes: 10 }, '0123456789'])
  const part = await volumes.readFile(volume, 'a', { last: 3 })
  expect(part).toMatchObject({ size: 10, from: 7, bytes: 3 })
  expect(await text(part.content)).toBe('789')

  const refused = (asked: Promise<unknown>, error: object) =>
    expect(asked).rejects.toMatchObject(error)
  await refused(volumes.readFile(volume, 'none'), {
    name: 'NoSuchFile',
    message: 'there is nothing at "none"',
  })
  await refused(volumes.listFiles(volume, { path: 'none', limit: 1 }), { name: 'NoSuchFile' })
  await refused(volumes.readFile(volume, 'd'), { name: 'NotAFile' })
  await refused(volumes.readFile(volume, 'a', { from: 10 }), { name: 'NoSuchBytes', size: 10 })
})

test('of a directory that is not there nothing is mounted, sent, read or measured', async ({
  there: { volumes },
  volume,
}) => {
  for (const ask of [
    () => volumes.requireMounts([volume]),
    () => volumes.requireVolume(volume),
    () => volumes.send(volume),
    () => volumes.readLog(volume),
    () => volumes.listFiles(volume, { path: '', limit: 1 }),
    () => volumes.readFile(volume, 'a'),
    () => volumes.receive(volume, Readable.from([])),
  ])
    await expect(ask()).rejects.toThrow(NoSuchVolume)
  expect(await volumes.measureVolume(volume)).toBeUndefined()
})

test('an archive that cannot be taken is refused in the words of the agent', async ({
  there: { volumes },
  volume,
}) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  const archive = Readable.from([Buffer.from('no archive at all')])
  await expect(volumes.receive(volume, archive)).rejects.toMatchObject({
    name: 'ArchiveError',
    code: 'not-gzip',
  })
})

test('an archive goes on where the line to its agent broke, and what is wrong with that is told in its words', async ({
  there: { volumes, scratch },
  volume,
}) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  writeFileSync(join(scratch, 'large'), randomBytes(300_000))
  const archive = Buffer.concat(await pack(scratch).toArray())
  const keep = 60
  const begin = { from: 0, last: false, keep }
  const broken = new PassThrough()
  const breaking = expect(volumes.receive(volume, broken, begin)).rejects.toThrow('gone')
  broken.write(archive.subarray(0, 100_000))
  await until(() => broken.readableLength === 0)
  broken.destroy(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))
  await breaking

  const asked = await volumes.receive(volume, Readable.from([]), begin).catch((error) => error)
  const { bytes: from, md5 } = asked as Received
  expect(md5).toBe(hash('md5', archive.subarray(0, from)))
  const elsewhere = { from: archive.length, last: true, keep }
  const wrong = volumes.receive(volume, Readable.from([]), elsewhere)
  await expect(wrong).rejects.toMatchObject({ name: 'WrongOffset', bytes: from, md5 })
  const rest = Readable.from([archive.subarray(from)])
  const received = await volumes.receive(volume, rest, { from, last: true, keep })
  expect(received).toEqual({
    bytes: archive.length,
    md5: hash('md5', archive),
    measure: await volumes.measureVolume(volume),
  })
  await volumes.deleteVolume(volume)
})

test('of what an agent has not kept nothing can be gone on with', async ({
  there: { volumes },
  volume,
}) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  const part = { from: 5, last: true, keep: 60 }
  await expect(volumes.receive(volume, Readable.from([]), part)).rejects.toMatchObject({
    name: 'NotKept',
  })
})

test('an agent that is being replaced by another is waited for', async ({ there, volume }) => {
  await there.stop()
  const made = there.volumes.ensureVolume({ name: volume, labels: {} })
  const sent = there.volumes.receive(volume, pack(there.scratch))
  // What was sent of a stream cannot be sent again.
  await expect(sent).rejects.toThrow(
    /does not answer: .*ECONNREFUSED.* kubectl -n knit describe pod/,
  )
  await there.start()
  await made
  expect(await allVolumesOf(there.volumes)).toEqual([volume])
})

test('who has not our key is served nothing', async ({ there: { volumes, foreign }, volume }) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  for (const ask of [
    () => allVolumesOf(foreign),
    () => foreign.send(volume),
    () => foreign.listFiles(volume, { path: '', limit: 1 }),
    () => foreign.readFile(volume, 'a'),
    () => foreign.deleteVolume(volume),
  ])
    await expect(ask()).rejects.toThrow('nobody we know')
  expect(await allVolumesOf(volumes)).toEqual([volume])
})
