/** What can be wrong with an archive, or with the directory it is made of or goes to. */
export type ArchiveErrorCode =
  | 'not-gzip'
  | 'truncated'
  | 'damaged'
  | 'bad-entry'
  | 'too-large'
  | 'not-empty'
  | 'changed-while-reading'

/** Something is wrong with the archive itself; the message says what, with which entry, and what to do. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
  readonly code: ArchiveErrorCode

  constructor(code: ArchiveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A name as it can be shown on one line, whatever is in it. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
}
