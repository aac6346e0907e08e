import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { directoriesIn } from '#shared/adapters/kubernetes-cluster/directories.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import type { Volumes } from '#shared/adapters/kubernetes-cluster/volumes.ts'
import { streamOf } from '#shared/archive/test-archives.ts'
import { CORPUS } from '#shared/archive/test-hostile-archives.ts'
import { whole } from '#shared/domain/archive-part.ts'
import { createAgent } from './agent.ts'

const storage = mkdtempSync('/var/tmp/knit-hostile-')
const folders = { volumes: join(storage, 'volumes'), trash: join(storage, 'trash') }
const server = createAgent({ folders, mayCall: async () => true })
let volumes: Volumes

beforeAll(async () => {
  for (const folder of Object.values(folders)) mkdirSync(folder)
  writeFileSync(join(folders.volumes, 'canary'), 'untouched')
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  volumes = directoriesIn({ namespace: 'knit', signingKey: 'a key' } as ClusterSettings, {
    layout: 'shared',
    agentUrl: `http://127.0.0.1:${port}`,
  })
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(storage, { recursive: true })
})

describe.each(CORPUS)(
  'an agent refuses hostile %s, by limits that it is told, and leaves its volume empty:',
  (_, cases, usual) => {
    test.each(Object.entries(cases))(
      '%s',
      async (_, { archive, code = usual, says = /\. /, limits }) => {
        const volume = `data-knitid-${randomUUID()}`
        await volumes.ensureVolume({ name: volume, labels: {} })

        await expect(
          volumes.receive(volume, streamOf(archive), whole, limits),
        ).rejects.toMatchObject({
          name: 'ArchiveError',
          code,
          message: expect.stringMatching(says),
        })

        expect(readdirSync(join(folders.volumes, volume))).toEqual([])
        await volumes.deleteVolume(volume)
        expect(readdirSync(storage)).toEqual(['trash', 'volumes'])
        expect(readdirSync(folders.volumes)).toEqual(['canary'])
        expect(readFileSync(join(folders.volumes, 'canary'), 'utf8')).toBe('untouched')
      },
    )
  },
)
