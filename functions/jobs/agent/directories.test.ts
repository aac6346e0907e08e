import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import { isCall, publicKeyFrom } from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import { directoriesIn } from '#shared/adapters/kubernetes-cluster/directories.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import type { Volumes } from '#shared/adapters/kubernetes-cluster/volumes.ts'
import { pack } from '#shared/archive/pack.ts'
import { NoSuchVolume } from '#shared/ports/cluster.ts'
import { createAgent } from './agent.ts'

type There = {
  volumes: Volumes
  /** As somebody without our key would have them. */
  foreign: Volumes
  scratch: string
  /** The agent goes, and comes back as another. */
  stop(): Promise<void>
  start(): Promise<void>
}

const test = base.extend<{ there: There; volume: string }>({
  volume: async ({}, use) => use(`data-knitid-${randomUUID()}`),
  there: async ({}, use) => {
    const storage = mkdtempSync('/var/tmp/knit-directories-')
    const folderOf = (name: string) => {
      mkdirSync(join(storage, name))
      return join(storage, name)
    }
    const folders = { volumes: folderOf('volumes'), trash: folderOf('trash') }
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
    const scratch = folderOf('scratch')
    await use({ volumes: seenBy('our key'), foreign: seenBy('another'), scratch, stop, start })
    await stop()
    rmSync(storage, { recursive: true })
  },
})

test('directories are made, filled, read, measured, listed and deleted by the agent that has them', async ({
  there: { volumes, scratch },
  volume,
}) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  writeFileSync(join(scratch, 'log'), 'four')
  const received = await volumes.receive(volume, pack(scratch))
  expect(received).toMatchObject({ bytes: 4, files: 1 })
  expect(await volumes.measureVolume(volume)).toEqual(received)
  expect(await text(await volumes.readLog(volume))).toBe('four')
  const sent = Buffer.concat(await (await volumes.send(volume)).toArray())
  expect(sent.equals(Buffer.concat(await pack(scratch).toArray()))).toBe(true)
  await volumes.requireMounts([volume])
  expect(await volumes.listVolumes()).toEqual([volume])

  await volumes.deleteVolume(volume)
  await volumes.deleteVolume(volume)
  expect(await volumes.listVolumes()).toEqual([])
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
  expect(await there.volumes.listVolumes()).toEqual([volume])
})

test('who has not our key is served nothing', async ({ there: { volumes, foreign }, volume }) => {
  await volumes.ensureVolume({ name: volume, labels: {} })
  for (const ask of [
    () => foreign.listVolumes(),
    () => foreign.send(volume),
    () => foreign.deleteVolume(volume),
  ])
    await expect(ask()).rejects.toThrow('nobody we know')
  expect(await volumes.listVolumes()).toEqual([volume])
})
