import { apiOver, type Api, type ApiOptions } from './api.ts'
import { connect } from './connection.ts'
import { transfersOver, type Transfers } from './transfers.ts'

export type KnitApi = Api & Transfers

/** The API at `apiRoot`, with everything Node can do. A browser uses `apiOver(fetch, …)`. */
export function connectApi(options: ApiOptions & { ca?: string }): KnitApi {
  const connection = connect(new URL(options.apiRoot), options.ca)
  return { ...apiOver(connection.fetch, options), ...transfersOver(connection, options) }
}
