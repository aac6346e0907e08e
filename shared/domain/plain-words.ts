import type * as z from 'zod'

const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

/** What a schema has against a value, as people say it; given to `safeParse`. What a schema says in its own words stays. */
export const plainWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type')
    return issue.input === undefined
      ? 'it is missing'
      : `expected ${kinds[issue.expected] ?? issue.expected}`
  if (issue.code === 'invalid_value') return `expected ${oneOf(issue.values.map(String))}`
  if (issue.code === 'too_small')
    return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue)}`
  if (issue.code === 'too_big')
    return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unitOf(issue)}`
  if (issue.code === 'invalid_format' && issue.format === 'url') return 'expected a URL'
  if (issue.code === 'invalid_key') return issue.issues[0]?.message
  return undefined
}

/** `a`, `a or b`, `a, b or c`. */
const oneOf = (words: string[]): string =>
  [words.slice(0, -1).join(', '), words.at(-1) ?? ''].filter(Boolean).join(' or ')

const units: Record<string, string> = { string: ' characters', array: ' entries' }
const unitOf = ({ origin }: { origin: string }): string => units[origin] ?? ''

const mostIssues = 10

/** What is wrong with a value, and where in it. However much that is, a caller is not sent back what it has sent. */
export function issues(error: z.ZodError): string {
  const told = error.issues
    .slice(0, mostIssues)
    .map(({ path, message }) =>
      shortened(path.length > 0 ? `${path.join('.')}: ${message}` : message),
    )
  const more = error.issues.length - told.length
  return [...told, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n')
}

const [longestBeginning, longestEnd] = [300, 200]

/** A fault that shows a long value without the middle of it: what would be right stands at the end. */
export const shortened = (text: string): string =>
  text.length > longestBeginning + longestEnd
    ? `${text.slice(0, longestBeginning)} … ${text.slice(-longestEnd)}`
    : text
