import { json } from 'node:stream/consumers'
import { digestHeader } from '#shared/contracts/route.ts'
import { whole } from '#shared/domain/archive-part.ts'
import { archiveTypes } from '#shared/domain/archive-type.ts'
import { formatRange } from '#shared/domain/byte-range.ts'
import { NoSuchVolume, type FileList, type Measure, type Received } from '#shared/ports/cluster.ts'
import type { CallVolume } from './agents.ts'
import { filesQuery, readFileHeaders } from './file-call.ts'
import { limitHeaders, partHeaders } from './part-headers.ts'
import type { Volumes } from './volumes.ts'

/** How bytes get into volumes and out, by the agents that have them mounted. */
export const transfersBy = (
  call: CallVolume,
): Pick<Volumes, 'receive' | 'send' | 'listFiles' | 'readFile' | 'readLog' | 'measureVolume'> => ({
  async receive(volume, archive, part = whole, limits = {}) {
    try {
      const headers = { ...partHeaders(part), ...limitHeaders(limits) }
      const put = { method: 'PUT', part: 'content', headers, body: archive } as const
      return (await json(await call(volume, 'rw', put))) as Received
    } catch (error) {
      archive.destroy()
      throw error
    }
  },
  async send(volume, coding = 'gzip') {
    const headers = { accept: archiveTypes[coding] }
    const archive = await call(volume, 'ro', { part: 'content', headers })
    return Object.assign(archive, { digest: () => archive.trailers[digestHeader.toLowerCase()] })
  },
  async listFiles(volume, asked) {
    const query = filesQuery(asked)
    return (await json(await call(volume, 'ro', { part: 'files', query }))) as FileList
  },
  async readFile(volume, path, range) {
    const headers = range && { range: formatRange(range) }
    const content = await call(volume, 'ro', { part: 'file', query: { path }, headers })
    return { ...readFileHeaders(content.headers), content }
  },
  readLog: (volume) => call(volume, 'ro', { part: 'log' }),
  async measureVolume(volume) {
    try {
      return (await json(await call(volume, 'ro', { part: 'measure' }))) as Measure
    } catch (error) {
      if (error instanceof NoSuchVolume) return undefined
      throw error
    }
  },
})
