/** What the system has against a file, as people say it: without its code and the name of its call. */
export function plainMessage({ message, path }: NodeJS.ErrnoException): string {
  const words = /^E[A-Z0-9]+: (.+?), [a-z_]+( '.*)?$/s.exec(message)?.[1]
  return words ? [words, path].filter(Boolean).join(': ') : message
}
