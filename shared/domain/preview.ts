import * as z from 'zod'
import { KnitId } from './ids.ts'

/** What a plan would do just now. */
export const PlanPreview = z
  .object({
    starts: z.int().describe('Runs that would start now.'),
    more: z.boolean().describe('Whether there are more than could be counted.'),
    runs: z
      .array(z.object({ inputs: z.array(z.object({ path: z.string(), knitId: KnitId })) }))
      .describe('The first hundred of them, by what they would read.'),
    inputs: z
      .array(
        z.object({
          path: z.string(),
          fits: z.int().describe('Data that fit it; counted up to 1000.'),
          pending: z
            .int()
            .describe('Data that will, once their runs are done; counted up to 1000.'),
        }),
      )
      .describe("In the plan's order."),
    reasons: z.array(z.string()).describe('Why there are not more.'),
  })
  .meta({ id: 'PlanPreview' })
export type PlanPreview = z.infer<typeof PlanPreview>

/** What was found of one input. */
export type InputFits = { path: string; asks: string[]; fits: number; pending: number }

/** What keeps a plan from starting more runs, in the words people are told. */
export function whyNotMore(
  { active, paused }: { active: boolean; paused: boolean },
  inputs: readonly InputFits[],
  { existing, orMore }: { existing: number; orMore: boolean },
): string[] {
  const lacking = inputs.flatMap(({ path, asks, fits, pending }) => {
    if (fits > 0) return []
    const soon = pending > 0 ? `; ${pending} will, once their runs are done` : ''
    return [`no data that is ready fits ${path}, which asks for ${asks.join(', ')}${soon}`]
  })
  return [
    ...lacking,
    ...(existing > 0
      ? [
          `${orMore ? 'at least ' : ''}${existing} of what could be combined has been combined before`,
        ]
      : []),
    ...(active ? [] : ['the plan is inactive: what it would start is held until it is activated']),
    ...(paused ? ['the plan is paused, as it would create very many runs at once'] : []),
  ]
}
