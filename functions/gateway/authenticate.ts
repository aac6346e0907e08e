import { timingSafeEqual } from 'node:crypto'
import type { OidcClient } from '#shared/domain/oidc-client.ts'
import { Problem } from '#shared/contracts/problems.ts'
import type { Log } from '#shared/ports/log.ts'
import type { Config } from '#shared/runtime/config.ts'
import type { World } from '#shared/runtime/context.ts'
import type { Principal } from '#shared/runtime/identity.ts'
import { hashOf } from '#shared/runtime/token-secret.ts'
import { credentialOf } from './credential.ts'
import { oidcTokens } from './oidc-tokens.ts'
import { providerKeys, readKeysOf } from './provider-keys.ts'
import { storedTokens } from './stored-tokens.ts'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/** True for settings that would let everybody in who can reach this machine: such a gateway must not start. */
export const isOpenToAll = ({
  host,
  token,
}: {
  host: string
  token?: string | undefined
}): boolean => token === undefined && !loopback.test(host === '::1' ? '[::1]' : host)

/** Who a request is from. Throws a `Problem` when that cannot be known. */
export type Authenticate = (request: Request) => Promise<Principal>

/** One way to sign in: undefined for requests that come another way, a `Problem` for those that come this way and may not. */
export type WayIn = (request: Request) => Principal | undefined | Promise<Principal | undefined>

/** Asks each way in, in their order; who has come none of them is not let in. */
export const authenticator =
  (ways: readonly WayIn[]): Authenticate =>
  async (request) => {
    for (const way of ways) {
      const principal = await way(request)
      if (principal) return principal
    }
    throw new Problem(
      'unauthorized',
      'A valid token is needed: Authorization: Bearer TOKEN. Administrators make them: knit admin token create NAME',
    )
  }

/** The ways there are: without a token in the settings, everybody on this machine is its owner. */
export const waysIn = ({ config, sql, log }: Pick<World, 'config' | 'sql' | 'log'>): WayIn[] =>
  config.token === undefined
    ? [ownerOfThisMachine]
    : [settingsToken(config.token), storedTokens(sql), ...providersTokens(config, log)]

/** What clients are told of the provider; nothing where nobody signs in. */
export function signInOf(config: Config): { oidc?: OidcClient } {
  const { token, oidcIssuer: issuer, oidcAudience: audience } = config
  if (token === undefined || issuer === undefined) return {}
  const client = { issuer, clientId: config.oidcClientId, scopes: config.oidcScopes }
  return { oidc: { ...client, ...(audience !== undefined && { audience }) } }
}

function providersTokens(config: Config, log: Log): WayIn[] {
  const { oidcIssuer: issuer, oidcClientId, oidcAudience: audience = oidcClientId } = config
  if (issuer === undefined) return []
  const claims = {
    nameClaim: config.oidcNameClaim,
    roleClaim: config.oidcRoleClaim,
    values: { viewer: config.oidcViewers, user: config.oidcUsers, admin: config.oidcAdmins },
  }
  return [oidcTokens({ issuer, audience, ...claims }, providerKeys(readKeysOf(issuer), log))]
}

/**
 * Nobody else is let in: a web page of another site, whose requests a browser here may carry, is told apart by the names it was
 * called and calls by.
 */
export const ownerOfThisMachine: WayIn = ({ headers }) => {
  const host = headers.get('host') ?? ''
  const origin = headers.get('origin')
  if (!loopback.test(host) || (origin !== null && hostOf(origin) !== host))
    throw new Problem(
      'forbidden',
      'Without a token only this machine is answered: use http://127.0.0.1 or http://localhost.',
    )
  return { name: 'local', role: 'admin' }
}

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined

/** The token of the settings: who installs a system makes the first real tokens with it. */
export function settingsToken(token: string): WayIn {
  const hash = hashOf(token)
  // Of equal length whatever was given, so that comparing tells nothing by its time.
  const isIt = (given: string) => timingSafeEqual(hashOf(given), hash)
  return (request) =>
    isIt(credentialOf(request) ?? '') ? { name: 'token', role: 'admin' } : undefined
}
