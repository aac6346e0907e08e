/** Ids that may fill one input, in order: the first ones of all, and the first ones behind a cursor. */
export type Candidates = { head: readonly string[]; behind: readonly string[] }

/**
 * Every combination of one id for each input, in order; with a cursor, which is a combination, those that come after it. Made one
 * by one, so that a product of any size costs what is taken of it: of `n` that are taken, no list needs more than `n` ids.
 */
export function* combinations(
  inputs: readonly Candidates[],
  cursor?: readonly string[],
): Generator<string[]> {
  if (!cursor) return yield* product(inputs.map(({ head }) => head))
  // Behind the cursor is what has its first ids and then a later one; the more of them, the sooner it comes.
  for (let same = inputs.length - 1; same >= 0; same -= 1) {
    const rest = inputs.slice(same + 1).map(({ head }) => head)
    for (const later of inputs[same]?.behind ?? [])
      for (const tail of product(rest)) yield [...cursor.slice(0, same), later, ...tail]
  }
}

function* product([first, ...others]: readonly (readonly string[])[]): Generator<string[]> {
  if (!first) return yield []
  for (const id of first) for (const tail of product(others)) yield [id, ...tail]
}

/** How many ids are nominated for an input, and how many of them are still to be combined. */
export type Nominated = { all: number; due: number }

/** How many combinations have an id that is still to be combined: all but those of ids that are not. */
export function newCombinations(inputs: readonly Nominated[]): number {
  const product = (counts: number[]) => counts.reduce((total, count) => total * BigInt(count), 1n)
  const all = product(inputs.map(({ all }) => all))
  const old = product(inputs.map(({ all, due }) => all - due))
  return Math.min(Number(all - old), Number.MAX_VALUE)
}
