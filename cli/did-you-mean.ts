/** The known name that `typed` was probably meant to be; undefined when none is near. */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(typed.length / 3))
  const found = known
    .map((name) => ({ name, distance: distance(typed.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0]
  return found && found.distance <= limit ? found.name : undefined
}

/** `; did you mean X?`, or nothing. */
export function didYouMean(typed: string, known: readonly string[], prefix = ''): string {
  const name = nearest(typed, known)
  return name === undefined ? '' : `; did you mean ${prefix}${name}?`
}

/** Letters to insert, delete or replace to come from one word to the other (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, replaced))
    }
    row = next
  }
  return row[to.length] ?? 0
}
