import { ArchiveError, quoted } from './archive-error.ts'

const MAX_NAME_BYTES = 4096
const MAX_SEGMENT_BYTES = 255

// What Windows would read as a separator, a drive or a stream, or drop from the end of a name.
const NOT_ON_WINDOWS = /[\\:*?"<>|]|[. ](?:\/|$)/

/** The top directory that file systems of the ext family keep for themselves: never part of Data. */
export const LOST_AND_FOUND = 'lost+found'

/**
 * The path an entry is written to, relative to the root; `''` is the root itself. This very string is what is written:
 * names that would leave the root or that mean something else elsewhere are refused, not repaired.
 */
export function entryPath(name: string, maxDepth: number): string {
  requireSaneText(name, `the name ${quoted(name)}`)
  if (name.startsWith('/')) refuse(name, 'its name is absolute')
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) refuse(name, 'its name contains ".."')
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) {
    refuse(name, `a part of its name is longer than ${MAX_SEGMENT_BYTES} bytes`)
  }
  if (segments.length > maxDepth) {
    throw new ArchiveError(
      'too-large',
      `${quoted(name)} lies more than ${maxDepth} directories deep. Flatten the tree.`,
    )
  }
  if (segments[0] === LOST_AND_FOUND) refuse(name, 'that directory belongs to the file system')
  return segments.join('/')
}

/** Refuses a link whose target is absolute or leaves the root, read as text. Links on its way are looked at later. */
export function requireInnerTarget(path: string, target: string, maxDepth: number): void {
  requireSaneText(target, `the target of link ${quoted(path)}`)
  if (target === '') refuse(path, 'it is a link without a target')
  if (target.startsWith('/')) refuse(path, `it is a link to the absolute path ${quoted(target)}`)
  const segments = target.split('/').filter((segment) => segment !== '' && segment !== '.')
  // Enough to climb up all the way and down again; bounds the work of following links.
  if (segments.length > 2 * maxDepth) refuse(path, 'it is a link with too long a target')
  let depth = path.split('/').length - 1
  for (const segment of segments) {
    depth += segment === '..' ? -1 : 1
    if (depth < 0) refuse(path, `it is a link that leaves the archive, to ${quoted(target)}`)
  }
}

/** Throws the error for an entry that may not be in an archive. */
export function refuse(name: string, why: string): never {
  throw new ArchiveError(
    'bad-entry',
    `${quoted(name)} is refused: ${why}. Pack the archive again without it.`,
  )
}

function requireSaneText(text: string, what: string): void {
  if (text.includes('\0')) refuse(text, `${what} contains a NUL byte`)
  if (Buffer.byteLength(text) > MAX_NAME_BYTES) {
    refuse(text, `${what} is longer than ${MAX_NAME_BYTES} bytes`)
  }
  if (process.platform === 'win32' && NOT_ON_WINDOWS.test(text.replaceAll(/\.{1,2}\//g, ''))) {
    refuse(text, `${what} cannot be used on Windows`)
  }
}
