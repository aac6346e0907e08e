import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The clock of the day of whoever is started with this environment. What is measured from one moment to another is not touched. */
export type FakeTime = {
  env: Record<string, string>
  /** Sets it: so much away from what it is (`-10m`), or a time (`@2025-10-26 02:59:59`) from which it goes on. */
  set(to: string): void
}

/** A clock that a test sets, kept in a folder; undefined where libfaketime is not installed. */
export function fakeTime(folder: string, to: string): FakeTime | undefined {
  const library = faketimeLibrary()
  if (!library) return undefined
  const file = join(folder, 'clock')
  const set = (text: string): void => writeFileSync(file, `${text}\n`)
  set(to)
  return {
    set,
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // The times of files are those of the machine.
      NO_FAKE_STAT: '1',
    },
  }
}

/** Why there is none. */
export const noFakeTime =
  'a clock of its own needs libfaketime, such as of Debian: apt install libfaketime'

function faketimeLibrary(): string | undefined {
  return ['/usr/lib', ...subfolders('/usr/lib')]
    .map((folder) => join(folder, 'faketime/libfaketimeMT.so.1'))
    .find((path) => existsSync(path))
}

const subfolders = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
