import type { IncomingHttpHeaders } from 'node:http'
import type { FileBytes } from '#shared/domain/byte-range.ts'
import type { FilesAsked } from '#shared/domain/file-list.ts'

/** What is to be listed, in the query of a call to an agent. */
export const filesQuery = ({ path, limit, after }: FilesAsked): Record<string, string> => ({
  path,
  limit: `${limit}`,
  ...(after !== undefined && { after }),
})

/** What `filesQuery` wrote. */
export const filesAsked = (query: URLSearchParams): FilesAsked => ({
  path: query.get('path') ?? '',
  limit: Number(query.get('limit')),
  after: query.get('after') ?? undefined,
})

const sizeHeader = 'knit-file-size'
const fromHeader = 'knit-file-from'

/** Which bytes of a file an agent sends, in the headers of its answer: one that is shorter than it says has broken off. */
export const fileHeaders = ({ size, from, bytes }: FileBytes): Record<string, string> => ({
  [sizeHeader]: `${size}`,
  [fromHeader]: `${from}`,
  'content-length': `${bytes}`,
})

/** What `fileHeaders` wrote. */
export const readFileHeaders = (headers: IncomingHttpHeaders): FileBytes => ({
  size: Number(headers[sizeHeader]),
  from: Number(headers[fromHeader]),
  bytes: Number(headers['content-length']),
})
