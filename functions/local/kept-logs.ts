import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { serverLogIn } from '#shared/adapters/embedded-postgres/server-log.ts'
import { localLog } from '#shared/files/home-folder.ts'
import { setAsideOf } from '#shared/files/set-aside.ts'
import type { Transfers } from '#shared/ports/cluster.ts'
import type { KeptLogs } from '#shared/ports/kept-logs.ts'

/** Where the database of a home is. */
export const databaseFolder = 'postgres'

const names = [localLog, serverLogIn(databaseFolder)].flatMap((name) => [name, setAsideOf(name)])

/** The logs of a home. */
export const keptLogs = (folder: string, { readLog }: Pick<Transfers, 'readLog'>): KeptLogs => ({
  own: () =>
    names
      .map((name) => [name, join(folder, name)] as const)
      .filter(([, path]) => existsSync(path))
      .map(([name, path]) => [name, () => createReadStream(path)]),
  ofRun: readLog,
})
