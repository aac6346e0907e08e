/** What the system calls an error: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}
