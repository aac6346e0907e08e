import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import * as z from 'zod'
import { OidcClient } from '#shared/domain/oidc-client.ts'
import { makeFolder } from '#shared/files/make-folder.ts'
import { replaceFile } from '#shared/files/replace-file.ts'
import type { Context } from '../context.ts'
import { profileName, storeFile } from '../profile.ts'

const Session = z.object({
  apiRoot: z.string().describe('Where the token is for, and goes to, and to nobody else.'),
  client: OidcClient,
  token: z.string(),
  expiresAt: z.number().describe('Seconds since 1970.'),
  refreshToken: z.string().optional(),
})
/** That somebody has signed in, under a profile. */
export type Session = z.infer<typeof Session>

/** Seconds that a token is to be good for still, so that it is when it has got there. */
export const margin = 60

export const secondsLeft = ({ expiresAt }: Session): number => expiresAt - Date.now() / 1000

const Sessions = z.record(z.string(), Session)

/** Beside the profiles, and not among them: these come and go by themselves, and a file of profiles may be shared. */
export const sessionsFile = (ctx: Context): string => `${storeFile(ctx)}.sessions`

/** That of the profile which this command uses, if it is for this API. */
export function sessionAt(apiRoot: string, ctx: Context): Session | undefined {
  const session = new Map(Object.entries(readSessions(ctx))).get(profileName(ctx))
  return session?.apiRoot === apiRoot ? session : undefined
}

/** Only `alone`, as `forgetSession` is: they change a file that others change as well. */
export function keepSession(session: Session, ctx: Context): void {
  saveSessions({ ...readSessions(ctx), [profileName(ctx)]: session }, ctx)
}

export function forgetSession(name: string, ctx: Context): void {
  const { [name]: session, ...others } = readSessions(ctx)
  if (session) saveSessions(others, ctx)
}

/** A file that cannot be read is as good as none: who has signed in does so again. */
function readSessions(ctx: Context): Record<string, Session> {
  const file = sessionsFile(ctx)
  if (!existsSync(file)) return {}
  try {
    return Sessions.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return {}
  }
}

function saveSessions(sessions: Record<string, Session>, ctx: Context): void {
  const file = sessionsFile(ctx)
  makeFolder(dirname(file), 0o700)
  replaceFile(file, `${JSON.stringify(sessions, null, 4)}\n`)
}
