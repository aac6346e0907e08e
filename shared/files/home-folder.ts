import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from './make-folder.ts'
import { plainMessage } from './plain-message.ts'
import { replaceFile } from './replace-file.ts'

/** A folder that cannot be a local home: what happened, and what to do before it is tried again. */
export class UnusableHome extends Error {
  override readonly name = 'UnusableHome'
  readonly happened: string
  readonly next: string

  constructor(happened: string, advice: string, options?: ErrorOptions) {
    const next = `${advice}: knit local start --home DIR`
    super(`${sentence(happened)}.\n${sentence(next)}`, options)
    this.happened = happened
    this.next = next
  }
}

/** The file that tells a local home from any other folder. */
export const homeMarker = 'KNIT_HOME'

/** What a local home in the background prints. */
export const localLog = 'local.log'

/** Makes a folder a local home, unless it is one. Throws `UnusableHome`. */
export function prepareHome(folder: string): void {
  usable(folder, () => {
    makeFolder(folder, 0o700)
    if (isHome(folder)) return
    const content = 'The data of a local home of Knitfab; see knit local --help.\n'
    replaceFile(join(folder, homeMarker), content)
  })
}

/** Whether a folder is a local home; one that is empty or missing may become one. Throws `UnusableHome` for any other. */
export function isHome(folder: string): boolean {
  const names = usable(folder, () => (existsSync(folder) ? readdirSync(folder) : []))
  if (names.includes(homeMarker)) return true
  // A start that was killed may have left half a marker.
  if (names.every((name) => name === 'lost+found' || name.startsWith(homeMarker))) return false
  throw new UnusableHome(
    `the folder ${folder} is not empty and is no local home`,
    'choose another one',
  )
}

/** Does something in a folder; what keeps it from being used is told with it. Throws `UnusableHome`. */
export function usable<T>(folder: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (error instanceof UnusableHome) throw error
    const { code = '' } = error as NodeJS.ErrnoException
    throw ['ENOSPC', 'EDQUOT'].includes(code)
      ? new UnusableHome(
          `the disk of ${folder} is full`,
          'free some room there, or choose another folder',
          { cause: error },
        )
      : new UnusableHome(
          `the folder ${folder} cannot be used: ${plainMessage(error as Error)}`,
          'choose another one',
          { cause: error },
        )
  }
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
