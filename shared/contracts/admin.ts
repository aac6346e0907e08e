import { z } from 'zod'
import { HookDelivery } from '#shared/domain/hook.ts'
import { resource, route } from './route.ts'

/** What operators look after. */
export const admin = resource('admin', {
  hooks: route({
    method: 'get',
    path: '/api/admin/hooks',
    summary: 'List calls of after-hooks, the newest first.',
    role: 'admin',
    query: z.object({
      open: z
        .enum(['true', 'false'])
        .default('false')
        .transform((text) => text === 'true')
        .describe('Only those that no hook has taken.'),
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .max(1000)
        .default(100)
        .describe('How many at the most.'),
    }),
    response: z.array(HookDelivery),
    problems: ['bad-request'],
  }),
})
