import * as z from 'zod'
import type { OidcClient } from '#shared/domain/oidc-client.ts'
import { SecureUrl } from '#shared/domain/secure-url.ts'

const timeout = 5
const maxBytes = 256 * 1024

/** The provider did not answer, or not as one does. */
export class ProviderAway extends Error {
  override readonly name = 'ProviderAway'
}

const Metadata = z.object({
  issuer: z.string(),
  jwks_uri: SecureUrl,
  authorization_endpoint: SecureUrl.optional(),
  token_endpoint: SecureUrl.optional(),
  device_authorization_endpoint: SecureUrl.optional(),
  revocation_endpoint: SecureUrl.optional(),
})
/** What a provider of OpenID Connect says of itself, as far as it is needed here. */
export type Metadata = z.infer<typeof Metadata>

/** Asks a provider where its parts are. It has to be the one that was asked for, to the letter. */
export async function discover(issuer: string, signal?: AbortSignal): Promise<Metadata> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const { status, body } = await askProvider(url, { signal })
  if (status !== 200) throw new ProviderAway(`${url} answers ${status}`)
  const { data, error } = Metadata.safeParse(body)
  if (!data) throw new ProviderAway(`${url} is not what providers say: ${error.issues[0]?.path}`)
  if (data.issuer !== issuer)
    throw new ProviderAway(
      `${url} is of the issuer ${data.issuer}, which is another than ${issuer}`,
    )
  return data
}

/** The fields of a request that say whom tokens are to be for: providers know one or the other. */
export const audienceOf = ({ audience }: OidcClient): Record<string, string> => {
  if (audience === undefined) return {}
  return { audience, ...(URL.canParse(audience) && { resource: audience }) }
}

type Asked = { form?: Record<string, string>; signal?: AbortSignal | undefined }
export type ProviderAnswer = { status: number; body: Record<string, unknown> }

/** Asks once, and follows no redirect: what takes longer than 5 s, or has more than 256 KiB, is no answer. */
export async function askProvider(
  url: string,
  { form, signal }: Asked = {},
): Promise<ProviderAnswer> {
  const deadline = AbortSignal.timeout(timeout * 1000)
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    })
    return { status: response.status, body: objectIn(await textOf(response)) }
  } catch (error) {
    signal?.throwIfAborted()
    const why = deadline.aborted ? `no answer within ${timeout} s` : reasonOf(error)
    throw new ProviderAway(`${url}: ${why}`, { cause: error })
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  // Leaving the loop by an error ends the connection.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  // Pages have no Buffer.
  return new Blob(chunks).text()
}

/** Pages for people, and answers without a body, say nothing here. */
function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** `fetch failed` says nothing; what it was caused by does. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || String(cause) : message
}
