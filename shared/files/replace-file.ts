import { renameSync, rmSync, writeFileSync } from 'node:fs'

/** Writes a file so that readers see all of it or the one before; a shell still reading that one is not disturbed. */
export function replaceFile(path: string, content: string): void {
  const draft = `${path}.${crypto.randomUUID()}`
  try {
    writeFileSync(draft, content, { mode: 0o600, flush: true })
    renameSync(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
}
