import * as z from 'zod'
import { Role } from '#shared/domain/role.ts'
import { resource, route } from './route.ts'

/** Who is who. */
export const access = resource('access', {
  whoami: route(() => ({
    method: 'get',
    path: '/api/whoami',
    summary: 'Show who you are signed in as, and what you may do.',
    role: 'viewer',
    response: z
      .object({
        name: z.string().describe('What you are called in histories and in the audit.'),
        role: Role,
        address: z.string().optional().describe('Where you come from, as the gateway sees it.'),
      })
      .meta({ id: 'Principal' }),
    problems: [],
  })),
})
