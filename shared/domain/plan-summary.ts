import * as z from 'zod'
import { PlanId } from './ids.ts'

/** What other things tell of a plan. */
export const PlanSummary = z
  .object({
    planId: PlanId,
    image: z.string().optional().describe('repository:tag; absent for built-in plans.'),
    entrypoint: z.array(z.string()).optional().describe("Replaces the image's entrypoint."),
    args: z.array(z.string()).optional().describe("Replaces the image's arguments."),
    name: z.string().optional().describe('Only built-in plans: knit#uploaded or knit#imported.'),
    annotations: z.array(z.string()).optional().describe('KEY=VALUE, sorted.'),
  })
  .meta({ id: 'PlanSummary' })
export type PlanSummary = z.infer<typeof PlanSummary>
