import { Readable } from 'node:stream'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { md5, type Wish } from './over-socket.ts'

/*
 * What the programs that have been written for this API send, as they send it. None of them can tell which server answers.
 */

export const cli = { 'user-agent': 'Go-http-client/1.1', 'accept-encoding': 'gzip' }
export const browser = { 'content-type': 'application/json', accept: '*/*' }

/** What the CLI pushes. */
export const cliArchive = (): Buffer =>
  tgz(
    entry({ name: 'digits/a.csv' }, '1,2,3'),
    entry({ name: 'link', type: '2', target: 'digits/a.csv' }),
  )

/** How it does: in chunks, with a checksum behind them that nobody announced. */
export const cliUpload = (archive: Buffer, checksum = md5(archive)): Wish => ({
  method: 'POST',
  path: '/api/data',
  headers: { ...cli, 'content-type': 'application/tar+gzip' },
  body: Readable.from([archive.subarray(0, 33), archive.subarray(33)]),
  trailers: { 'x-checksum-md5': checksum },
})

/** How it puts tags: as objects, the lists that are not used null or empty. */
export const cliTags = (key: string, value: string) => ({
  add: [{ key, value }],
  remove: null,
  remove_key: [],
})

/** A plan as it sends it: tags as text, what the file does not say as null or empty. */
export const cliPlan = (image: string, tag: string) => ({
  annotations: ['description=trains'],
  image,
  inputs: [{ path: '/in/data', tags: [tag, 'mode:training'] }],
  outputs: [{ path: '/out/model', tags: ['type:model'] }],
  log: { tags: ['type:log'] },
  on_node: { may: ['accelarator=gpu'], prefer: [], must: [] },
  resources: { cpu: '1', memory: '1Gi' },
  service_account: '',
  active: null,
})

/** The same of a file that names no image. */
export const cliPlanWithoutImage = {
  image: '',
  inputs: [{ path: '/in', tags: ['a:b'] }],
  outputs: [],
  active: null,
}

/** The last hour and what comes, as it asks for that: in nanoseconds, and in the words of Go. */
export const cliWindow = (): string => {
  const since = new Date(Date.now() - 3_600_000).toISOString().replace('Z', '123456+00:00')
  return `duration=24h0m0s&since=${encodeURIComponent(since)}`
}

/** What it asks of runs when its user has said nothing. */
export const cliSinceEver = `since=${encodeURIComponent('0001-01-01T00:00:00Z')}`

/** How it finds one data. */
export const cliTagOf = (knitId: string): string => `tag=${encodeURIComponent(`knit#id:${knitId}`)}`

/** A time as the console sends it. */
export const browserSince = `since=${encodeURIComponent('2020-01-02T03:04:05.678+09:00')}`
