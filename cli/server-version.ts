import * as z from 'zod'
import { resource, route } from '#shared/contracts/route.ts'
import { api } from './api.ts'
import type { Context } from './context.ts'

/** What the gateway says of itself, as far as it is of use here. */
const openapi = resource('openapi', {
  show: route(() => ({
    method: 'get',
    path: '/api/openapi.json',
    summary: 'Show what there is.',
    role: 'viewer',
    response: z.object({ info: z.object({ version: z.string() }) }),
    problems: [],
  })),
})

/** The version of the server that the profile leads to. */
export async function serverVersion(ctx: Context): Promise<string> {
  const { info } = await api(ctx).call(openapi.show, {}, ctx)
  return `v${info.version}`
}
