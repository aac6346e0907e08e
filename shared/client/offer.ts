import { data } from '#shared/contracts/data.ts'
import { partsHeader } from '#shared/contracts/route.ts'
import { archiveTypes, type Coding } from '#shared/domain/archive-type.ts'
import type { Fetch } from './api.ts'
import { routeUrl } from './route-url.ts'

/** What a server takes besides what all take; one of the reference implementation, nothing. */
export type Offer = {
  coding: Coding
  /** An upload in parts, which it knows by the key of the request; so it knows the key of any. */
  keys: boolean
}

type Asked = { apiRoot: string; signal?: AbortSignal | undefined }

export async function offerOf(fetch: Fetch, { apiRoot, signal }: Asked): Promise<Offer> {
  const url = routeUrl(apiRoot, data.push, {})
  const answer = await fetch(url, { method: 'OPTIONS', headers: {}, signal })
  await answer.text()
  return {
    coding: answer.headers.get('accept-post')?.includes(archiveTypes.zstd) ? 'zstd' : 'gzip',
    keys: answer.headers.get(partsHeader.toLowerCase()) !== null,
  }
}
