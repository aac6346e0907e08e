import { archiveTypes, type Coding } from '#shared/domain/archive-type.ts'

/**
 * Whether an `Accept` asks for a newer form: by its own name, and not less than for the usual one. Who takes anything gets the form
 * that has always been.
 */
function isPreferred(accept: string | null | undefined, form: string, usual: string): boolean {
  const weight = weightOf(accept ?? '', form)
  return weight > 0 && weight >= weightOf(accept ?? '', usual)
}

/** Whether problem details are asked for. */
export const wantsProblem = (accept: string | null): boolean =>
  isPreferred(accept, 'application/problem+json', 'application/json')

/** How an archive is to be compressed. */
export const wantedCoding = (accept: string | null | undefined): Coding =>
  isPreferred(accept, archiveTypes.zstd, archiveTypes.gzip) ? 'zstd' : 'gzip'

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
