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

/** What other programs call what we have under another name; with the noun where only that has it. */
const otherWords: Record<string, string[]> = {
  find: ['list', 'ls', 'search', 'query'],
  show: ['get', 'describe', 'inspect', 'info'],
  rm: ['delete', 'remove', 'del'],
  stop: ['cancel', 'kill', 'abort', 'terminate'],
  retry: ['rerun', 'restart'],
  push: ['upload', 'put', 'import'],
  pull: ['download', 'export', 'fetch'],
  apply: ['create', 'register', 'submit'],
  'run show --log': ['log', 'logs'],
  tag: ['label'],
}

/** The command that is meant by the word of another program, or by a word that is mistyped: `; did you mean X?`, or nothing. */
export function meantCommand(typed: string, known: readonly string[], prefix: string): string {
  const isOurs = (line: string): boolean =>
    known.includes(line) || `knit ${line}`.startsWith(`${prefix}show `)
  const meant = Object.keys(otherWords).find(
    (line) => isOurs(line) && otherWords[line]?.includes(typed),
  )
  if (meant === undefined) return didYouMean(typed, known, prefix)
  return `; did you mean ${meant.includes(' ') ? `knit ${meant}` : `${prefix}${meant}`}?`
}

/** Letters to insert, delete, replace or swap with the next to come from one word to the other. */
function distance(from: string, to: string): number {
  const [letters, others] = [[...from], [...to]]
  let before: number[] = []
  let row = Array.from({ length: others.length + 1 }, (_, index) => index)
  for (const [i, letter] of letters.entries()) {
    const next = [i + 1]
    for (const [j, other] of others.entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      const isSwapped = i > 0 && letter === others[j - 1] && letters[i - 1] === other
      const swapped = isSwapped ? (before[j - 1] ?? 0) + 1 : Infinity
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, replaced, swapped))
    }
    before = row
    row = next
  }
  return row[others.length] ?? 0
}
