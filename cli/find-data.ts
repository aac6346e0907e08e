import type { CallOptions } from '#shared/client/api.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import type { DataDetail } from '#shared/domain/data.ts'

/** Looks one data up, in the way that every server knows; undefined when there is none. */
export async function findData(
  api: KnitApi,
  knitId: string,
  options: CallOptions,
): Promise<DataDetail | undefined> {
  const [found] = await api.call(data.find, { tag: [`knit#id:${knitId}`] }, options)
  return found
}
