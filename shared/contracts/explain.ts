import * as z from 'zod'
import { Explanation } from '#shared/domain/explain.ts'
import { KnitId, PlanId, RunId } from '#shared/domain/ids.ts'
import { resource, route } from './route.ts'

export const explain = resource('explain', {
  show: route(() => ({
    method: 'get',
    path: '/api/explain',
    summary:
      'Explain why a data, or what a run has written, started a run of a plan, or why it did not; of a run of the plan itself, what it waits for.',
    role: 'viewer',
    query: z.object({
      plan: PlanId.describe('Id of the plan.'),
      data: KnitId.optional().describe('Id of a data.'),
      run: RunId.optional().describe('Id of a run, in the place of a data.'),
    }),
    response: Explanation,
    problems: ['bad-request', 'plan-not-found', 'data-not-found', 'run-not-found'],
  })),
})
