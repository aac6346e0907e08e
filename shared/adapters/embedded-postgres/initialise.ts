import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Launcher } from './launcher.ts'
import { run } from './launcher.ts'
import { stopInitdb } from './leftover.ts'
import { explain, PostgresUnavailable } from './postgres-unavailable.ts'

const unfinished = 'data.new-'

// The builtin C.UTF-8 sorts by code point and is the same on every machine, whatever its locales.
// Only the socket is trusted, for it lies in a private folder; no address ever is.
// `--no-sync` would save 0.1 s of 0.5 s once in a lifetime: not worth a step of its own.
const form = [
  '--username=knit',
  '--auth-local=trust',
  '--auth-host=reject',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
  '--wal-segsize=4',
  '--no-instructions',
]

/** Makes `folder/data` unless it is there; what an interrupted attempt left is thrown away. */
export async function initialise(initdb: string, folder: string, launcher: Launcher) {
  const data = join(folder, 'data')
  const version = readVersion(data)
  if (version) return checkExisting(data, version, launcher.major)

  for (const name of readdirSync(folder)) {
    if (name.startsWith(unfinished)) await discard(join(folder, name))
  }
  const attempt = mkdtempSync(join(folder, unfinished))
  try {
    const words = [...launcher.before, initdb, ...form, `--pgdata=${attempt}`]
    const made = await run(words, launcher.env, attempt)
    if (!made.ok) throw explain('initdb failed', folder, made.output)
    renameSync(attempt, data)
  } finally {
    rmSync(attempt, { recursive: true, force: true })
  }
  await syncFolder(folder)
}

async function discard(attempt: string) {
  await stopInitdb(attempt)
  rmSync(attempt, { recursive: true, force: true })
}

function readVersion(data: string) {
  try {
    return readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function checkExisting(data: string, version: string, major: number) {
  if (version !== String(major)) {
    const age = Number(version) > major ? 'a newer' : 'an older'
    throw new PostgresUnavailable(
      `${data} was made by ${age} Postgres (${version}); this one is ${major} and cannot read it.`,
      `Start it with the release that made it, move the data with pg_dump, or choose another folder.`,
    )
  }
  const owner = statSync(data).uid
  if (process.getuid && owner !== process.getuid()) {
    throw new PostgresUnavailable(
      `${data} belongs to the user with id ${owner}, and we run as ${process.getuid()}.`,
      'Start as that user, or give the whole folder to this one (`chown -R`).',
    )
  }
  // Postgres refuses a directory that others can read, as a restored copy may be.
  chmodSync(data, 0o700)
}

/** A rename is durable once its folder is. */
async function syncFolder(folder: string) {
  const handle = await open(folder)
  await handle.sync()
  await handle.close()
}
