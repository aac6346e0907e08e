import { createHash, timingSafeEqual } from 'node:crypto'
import { Problem } from '#shared/contracts/problems.ts'
import type { Principal } from '#shared/runtime/identity.ts'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/** True for settings that would let everybody in who can reach this machine: such a gateway must not start. */
export const isOpenToAll = ({
  host,
  token,
}: {
  host: string
  token?: string | undefined
}): boolean => token === undefined && !loopback.test(host === '::1' ? '[::1]' : host)

export type Authenticate = (request: Request) => Promise<Principal>

/**
 * How a gateway knows who calls. With a token, by that alone. Without one everybody on this machine is its owner, and nobody
 * else is let in: a web page of another site, whose requests a browser here may carry, is told apart by the names it was
 * called and calls by.
 */
export function authenticator(token: string | undefined): Authenticate {
  return async (request) => (token === undefined ? ownerOf(request) : holderOf(token, request))
}

function ownerOf(request: Request): Principal {
  const host = request.headers.get('host') ?? ''
  const origin = request.headers.get('origin')
  if (!loopback.test(host) || (origin !== null && hostOf(origin) !== host))
    throw new Problem(
      'forbidden',
      'Without a token only this machine is answered: use http://127.0.0.1 or http://localhost.',
    )
  return { name: 'local', role: 'admin' }
}

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined

function holderOf(token: string, request: Request): Principal {
  const [, given = ''] = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '') ?? []
  if (!timingSafeEqual(digest(given), digest(token)))
    throw new Problem(
      'unauthorized',
      'A valid bearer token is needed: Authorization: Bearer TOKEN.',
    )
  return { name: 'token', role: 'admin' }
}

// Of equal length whatever was given, so that comparing tells nothing by its time.
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
