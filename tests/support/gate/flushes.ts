import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { changes } from './file-calls.ts'
import type { FileCall, FileGate } from './gated-files.ts'

/** Watches at the gate of files what has been flushed since anything was last changed below a folder. */
export function watchFlushes(folder: string) {
  const places = new Set<string>()
  const fileSystems = recordedFileSystems()
  const gate: FileGate = (call) => {
    if (changes(call) && mayBeBelow(folder, call)) {
      places.clear()
      fileSystems.forget()
    }
    if (call.name === 'sync' && call.of !== undefined) places.add(call.of)
    return undefined
  }
  /** The files and folders of a tree that would be gone if the power failed now. */
  const unflushed = (tree: string): string[] =>
    fileSystems.of(tree) ? [] : [tree, ...below(tree)].filter((place) => !places.has(place))
  return { gate, unflushed, isFlushed: (place: string) => places.has(place) }
}

/** What is written to by its number may be anywhere. */
function mayBeBelow(folder: string, { arguments: [first], of }: FileCall): boolean {
  const place = of ?? first
  return typeof place !== 'string' || `${place}/`.startsWith(`${folder}/`)
}

const below = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = join(folder, entry.name)
    if (entry.isDirectory()) return [place, ...below(place)]
    return entry.isFile() ? [place] : []
  })

/** The command that flushes whole file systems is replaced by one that notes of what it was asked. */
function recordedFileSystems() {
  const bin = mkdtempSync(join(tmpdir(), 'knit-sync-'))
  const notes = join(bin, 'notes')
  writeFileSync(notes, '')
  writeFileSync(join(bin, 'sync'), `#!/bin/sh\necho "$*" >> '${notes}'\n`)
  chmodSync(join(bin, 'sync'), 0o755)
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(bin, { recursive: true })
  })
  return {
    of: (tree: string) => readFileSync(notes, 'utf8').split('\n').includes(`-f ${tree}`),
    forget: () => writeFileSync(notes, ''),
  }
}
