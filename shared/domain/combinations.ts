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

/** What fits one input: what is still to be combined, and what has been, with all that is old of the others. */
export type Fitting = { fresh: readonly string[]; old: readonly string[] }

/** Every combination with something fresh in it, once; made one by one. */
export function* freshCombinations(inputs: readonly Fitting[]): Generator<string[]> {
  for (const [first, { fresh }] of inputs.entries()) {
    if (fresh.length === 0) continue
    // What is fresh on an input before has been made with all that is here.
    const lists = inputs.map((input, at) => {
      if (at === first) return fresh
      return at < first ? input.old : [...input.fresh, ...input.old]
    })
    yield* product(lists)
  }
}

/** Where one list is empty there is nothing, and nobody goes through the others to find that out. */
function* product(lists: readonly (readonly string[])[]): Generator<string[]> {
  if (lists.every(({ length }) => length > 0)) yield* fullProduct(lists)
}

function* fullProduct([first, ...others]: readonly (readonly string[])[]): Generator<string[]> {
  if (!first) return yield []
  for (const id of first) for (const tail of fullProduct(others)) yield [id, ...tail]
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
