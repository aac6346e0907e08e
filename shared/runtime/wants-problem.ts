const form = 'application/problem+json'

/**
 * Whether an `Accept` asks for problem details: by their own name, and not less than for other JSON. Who takes anything gets the
 * form that has always been.
 */
export function wantsProblem(accept: string | null): boolean {
  const weight = weightOf(accept ?? '', form)
  return weight > 0 && weight >= weightOf(accept ?? '', 'application/json')
}

/** What weight a list of media types gives to one that it names; 0 when it does not. */
function weightOf(list: string, type: string): number {
  const named = list
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .find(([name]) => name === type)
  if (!named) return 0
  const given = named.find((part) => part.startsWith('q='))
  return given === undefined ? 1 : Number(given.slice(2)) || 0
}
