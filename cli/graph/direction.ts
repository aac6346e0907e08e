import * as z from 'zod'
import { toggle } from '../arg.ts'
import { flag } from '../args.ts'

/** Which way to go from the start, and how many steps at most. */
export type Reach = { upstream: boolean; downstream: boolean; depth: number }

const Depth = z
  .string()
  .regex(/^(all|0*[1-9]\d*)$/, 'expected a number from 1 on, or "all"')
  .default('3')
  .transform((text) => (text === 'all' ? Infinity : Number(text)))
  // Behind the last change: what is made of a described schema has no description.
  .describe('How many steps to go, or "all".')

export const reachArgs = {
  upstream: toggle('Only upstream: what it comes from.', { short: 'u' }),
  downstream: toggle('Only downstream: what came of it.', { short: 'd' }),
  numbers: flag(Depth, { short: 'n', hint: 'NUMBER' }),
}

/** Neither direction means both. */
export function reachOf(args: { upstream: boolean; downstream: boolean; numbers: number }): Reach {
  const both = !args.upstream && !args.downstream
  const { upstream, downstream, numbers: depth } = args
  return { upstream: both || upstream, downstream: both || downstream, depth }
}

/** Goes from level to level until there is nothing new or the depth is used up. */
export async function walk(
  start: string,
  depth: number,
  step: (level: string[]) => Promise<string[]>,
): Promise<void> {
  let level = [start]
  for (let steps = 0; steps < depth && level.length > 0; steps++)
    level = [...new Set(await step(level))]
}
