import * as z from 'zod'
import type { OidcClient } from '#shared/domain/oidc-client.ts'
import {
  askProvider,
  audienceOf,
  ProviderAway,
  type ProviderAnswer,
} from '#shared/oidc/provider.ts'
import { visible } from '#shared/domain/visible.ts'
import { Failure } from '../failure.ts'
import type { Session } from './sessions.ts'

/** What a provider gives who has signed in. */
export type Tokens = Pick<Session, 'token' | 'expiresAt' | 'refreshToken'>

const Given = z.object({
  access_token: z.string(),
  id_token: z.string().optional(),
  refresh_token: z.string().optional(),
  expires_in: z.number().optional(),
})

/** Asks for tokens. Gives back why not, by the words of OAuth, when there are none; who says that it cannot just now is away. */
export async function askForTokens(
  url: string,
  client: OidcClient,
  form: Record<string, string>,
  signal: AbortSignal,
): Promise<Tokens | { error: string; answer: ProviderAnswer }> {
  const asked = { client_id: client.clientId, ...audienceOf(client), ...form }
  const answer = await askProvider(url, { form: asked, signal })
  if (answer.status >= 500 || answer.status === 429)
    throw new ProviderAway(`${url} answers ${answer.status}`)
  if (answer.status !== 200) return { error: String(answer.body['error']), answer }
  return tokensIn(answer.body, client)
}

function tokensIn(body: unknown, { issuer, audience }: OidcClient): Tokens {
  const { data: given } = Given.safeParse(body)
  const token = audience === undefined ? given?.id_token : given?.access_token
  if (!given || token === undefined)
    throw new Failure(
      `${issuer} gives no ${audience === undefined ? 'ID' : 'access'} token`,
      tokenOfAdmin,
    )
  const expiresAt = expiryIn(token) ?? Date.now() / 1000 + (given.expires_in ?? 60)
  return { token, expiresAt, refreshToken: given.refresh_token }
}

/** What a token says itself. Nobody has to be convinced by it: it comes from who made it. */
function expiryIn(token: string): number | undefined {
  try {
    const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
    return z.object({ exp: z.number() }).parse(JSON.parse(claims)).exp
  } catch {
    return undefined
  }
}

export const tokenOfAdmin = 'ask an administrator for a token, then: knit login --token-file FILE'

/** A provider that refuses says why. */
export function refusedBy(issuer: string, { status, body }: ProviderAnswer): Failure {
  const said = body['error_description'] ?? body['error'] ?? `HTTP ${status}`
  return new Failure(`${issuer} refuses: ${visible(String(said))}`, tokenOfAdmin)
}
