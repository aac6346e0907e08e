import type { RunCost } from './run-cost.ts'

/**
 * What a Run of a chain may cost at most, from its nomination to its end: a tenth above what it does, and a fifth for the log,
 * which also depends on where rows come to lie. Who makes it cheaper lowers the figure; who makes it dearer says in the commit
 * why that is worth it.
 */
export const ceilings: {
  chains: string
  times: number
  atOnce: number
  ceiling: RunCost
}[] = [
  {
    chains: 'one at a time',
    times: 10,
    atOnce: 1,
    ceiling: { statements: 93, events: 12.9, bytes: 18_300 },
  },
  {
    chains: 'fifty at a time',
    times: 1,
    atOnce: 50,
    ceiling: { statements: 54, events: 11.3, bytes: 18_300 },
  },
]
