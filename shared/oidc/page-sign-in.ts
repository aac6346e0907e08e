import { base64url, decodeJwt } from 'jose'
import * as z from 'zod'
import type { OidcClient } from '#shared/domain/oidc-client.ts'
import { askProvider, audienceOf, discover, type ProviderAnswer } from './provider.ts'

/** What a page keeps, for this one sign-in and in its own tab, while somebody is at the provider. */
export const SignInBegun = z.object({
  redirectUri: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
})
export type SignInBegun = z.infer<typeof SignInBegun>

/** Somebody is not signed in; the message says why. */
export class SignInRefused extends Error {
  override readonly name = 'SignInRefused'
}

/**
 * Where a page sends somebody to sign in, with a code and PKCE (RFC 7636), and what it has to keep until they are back at
 * `redirectUri`. It asks for nothing that outlives the page: who comes again is still known to the provider.
 */
export async function beginPageSignIn(
  client: OidcClient,
  redirectUri: string,
): Promise<{ url: string; begun: SignInBegun }> {
  const { authorization_endpoint } = await discover(client.issuer)
  if (!authorization_endpoint) throw new SignInRefused(`${client.issuer} has no page to sign in at`)
  const begun = { redirectUri, state: random(), nonce: random(), verifier: random() }
  const url = new URL(authorization_endpoint)
  const asked = {
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: redirectUri,
    scope: client.scopes.filter((scope) => scope !== 'offline_access').join(' '),
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: await challengeOf(begun.verifier),
    code_challenge_method: 'S256',
    ...audienceOf(client),
  }
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
  return { url: url.href, begun }
}

const Given = z.object({ access_token: z.string(), id_token: z.string() })

/** The token that signs somebody in here, who is back at `url`. Throws `SignInRefused`; no code is good for another try. */
export async function endPageSignIn(
  client: OidcClient,
  { redirectUri, state, nonce, verifier }: SignInBegun,
  url: string,
): Promise<string> {
  const told = new URL(url).searchParams
  // Whoever began it is who ends it: no page takes the code of somebody else from a link.
  if (told.get('state') !== state) throw new SignInRefused('this sign-in was not begun here')
  if ((told.get('iss') ?? client.issuer) !== client.issuer)
    throw new SignInRefused(`this is no answer of ${client.issuer}`)
  const code = told.get('code')
  if (code === null) throw new SignInRefused(reasonIn(Object.fromEntries(told)))
  const { token_endpoint } = await discover(client.issuer)
  if (!token_endpoint) throw new SignInRefused(`${client.issuer} gives no tokens`)
  const form = {
    grant_type: 'authorization_code',
    client_id: client.clientId,
    redirect_uri: redirectUri,
    code,
    code_verifier: verifier,
    ...audienceOf(client),
  }
  return tokenIn(await askProvider(token_endpoint, { form }), client, nonce)
}

function tokenIn({ body }: ProviderAnswer, { audience }: OidcClient, nonce: string): string {
  const { data: given } = Given.safeParse(body)
  if (!given) throw new SignInRefused(reasonIn(body))
  // Its signature is looked at by who is shown it; here it comes from the provider itself.
  if (nonceIn(given.id_token) !== nonce)
    throw new SignInRefused('the tokens are those of another sign-in')
  return audience === undefined ? given.id_token : given.access_token
}

function nonceIn(token: string): unknown {
  try {
    return decodeJwt(token)['nonce']
  } catch {
    return undefined
  }
}

const reasonIn = ({ error_description, error }: Record<string, unknown>): string =>
  String(error_description ?? error ?? 'the provider gives no token')

const random = (): string => base64url.encode(crypto.getRandomValues(new Uint8Array(32)))

const challengeOf = async (verifier: string): Promise<string> =>
  base64url.encode(
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))),
  )
