import type { Readable } from 'node:stream'
import { listLogs } from '#shared/database/invariants/logs.ts'
import type { Sql } from '#shared/database/sql.ts'
import { areOfUse } from '#shared/database/tokens.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { isMissing } from '#shared/files/error-code.ts'
import { NoSuchVolume } from '#shared/ports/cluster.ts'
import type { KeptLogs } from '#shared/ports/kept-logs.ts'
import { hashOf, isTokenSecret, tokenLength, tokensIn } from './token-secret.ts'

type Reach = {
  /** Of so many runs the logs are read, the newest first. */
  runs: number
  /** Of one log of a run so many bytes, of all together so many. */
  bytesOfOne: number
  bytesOfAll: number
}

const reach: Reach = { runs: 1000, bytesOfOne: 4 * 2 ** 20, bytesOfAll: 256 * 2 ** 20 }
// Of what looks like a token and is none of ours there may be any number.
const mostTokens = 1000

/**
 * The logs in which somebody could read one of the secrets, or a token that still signs somebody in. Those of programs are read as
 * far as that takes no long time.
 */
export async function findSecrets(
  { sql, logs }: { sql: Sql; logs: KeptLogs },
  secrets: readonly string[],
  { runs, bytesOfOne, bytesOfAll } = reach,
): Promise<string[]> {
  const found: string[] = []
  const look = async (name: string, content: Readable, most: number): Promise<number> => {
    const { isTold, tokens, bytes } = await searched(content, secrets, most)
    if (isTold || (await areOfUse(sql, [...tokens].map(hashOf)))) found.push(name)
    return bytes
  }
  for (const [name, open] of logs.own()) await look(name, open(), Infinity)
  let left = bytesOfAll
  for (const { knitId, runId } of await listLogs(sql, runs)) {
    const content = await openIfThere(logs, knitId)
    if (content) left -= await look(`log of run ${runId}`, content, Math.min(bytesOfOne, left))
    if (left <= 0) break
  }
  return found
}

/** Runs are deleted at any time. */
async function openIfThere(logs: KeptLogs, knitId: string): Promise<Readable | undefined> {
  try {
    return await logs.ofRun(volumeOf(knitId))
  } catch (error) {
    if (error instanceof NoSuchVolume || isMissing(error)) return undefined
    throw error
  }
}

/** Looks through so many bytes of a stream, piece by piece. */
async function searched(content: Readable, secrets: readonly string[], most: number) {
  // A character for each byte, so that one cut in two is none that is lost.
  const wanted = secrets.map((secret) => Buffer.from(secret).toString('latin1'))
  const longest = Math.max(tokenLength, ...wanted.map(({ length }) => length))
  const tokens = new Set<string>()
  let isTold = false
  let bytes = 0
  let rest = ''
  for await (const piece of content as AsyncIterable<Buffer>) {
    const text = rest + piece.toString('latin1')
    isTold ||= wanted.some((secret) => text.includes(secret))
    for (const token of tokensIn(text))
      if (tokens.size < mostTokens && isTokenSecret(token)) tokens.add(token)
    bytes += piece.length
    rest = text.slice(1 - longest)
    // Leaving the loop closes the file.
    if (bytes >= most) break
  }
  return { isTold, tokens, bytes }
}
