/** What the system calls an error: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}

/** Whether it is there, and not ours to do that with. */
export function isForbidden(error: unknown): error is NodeJS.ErrnoException {
  return ['EACCES', 'EPERM'].includes(codeOf(error) ?? '')
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}
