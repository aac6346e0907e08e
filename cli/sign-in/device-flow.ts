import * as z from 'zod'
import { pause } from '#shared/client/retry.ts'
import type { OidcClient } from '#shared/domain/oidc-client.ts'
import { SecureUrl } from '#shared/domain/secure-url.ts'
import { visible } from '#shared/domain/visible.ts'
import { askProvider, audienceOf, discover, ProviderAway } from '#shared/oidc/provider.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { askForTokens, refusedBy, tokenOfAdmin, type Tokens } from './tokens.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:device_code'

const Device = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: SecureUrl,
  verification_uri_complete: SecureUrl.optional(),
  expires_in: z.number(),
  interval: z.number().min(1).default(5),
})
type Device = z.infer<typeof Device>

/** Signs somebody in who opens a page of the provider, on this machine or any other (RFC 8628). */
export async function signInByDevice(client: OidcClient, ctx: Context): Promise<Tokens> {
  const { issuer } = client
  const at = await discover(issuer, ctx.signal)
  if (!at.device_authorization_endpoint || !at.token_endpoint)
    throw new Failure(`${issuer} lets nobody sign in by a device code`, tokenOfAdmin)
  const form = { client_id: client.clientId, scope: client.scopes.join(' '), ...audienceOf(client) }
  const answer = await askProvider(at.device_authorization_endpoint, { form, signal: ctx.signal })
  const { data: device } = Device.safeParse(answer.body)
  if (answer.status !== 200 || !device) throw refusedBy(issuer, answer)
  ctx.stderr.write(invitation(device))
  return tokensOnceSignedIn(at.token_endpoint, client, device, ctx.signal)
}

const invitation = (device: Device): string => `
Open this page in a browser, on any machine, and sign in:

  ${device.verification_uri_complete ?? device.verification_uri}

See that it shows this code, or type it there:

  ${visible(device.user_code)}

`

/** Asks again and again, as slowly as the provider wants it. */
async function tokensOnceSignedIn(
  url: string,
  client: OidcClient,
  { device_code, expires_in, interval }: Device,
  signal: AbortSignal,
): Promise<Tokens> {
  const form = { grant_type: grantType, device_code }
  let isUnheard = false
  for (let [wait, waited] = [interval, 0]; waited < expires_in; waited += wait) {
    await pause(wait * 1000, signal)
    const answer = await askForTokens(url, client, form, signal).catch(unlessAway)
    if (answer && 'token' in answer) return answer
    // One that is away, or says so, is given more time each time.
    if (answer?.error === 'slow_down') wait += 5
    else if (!answer) [wait, isUnheard] = [wait * 2, true]
    else if (isUnheard && answer.error === 'invalid_grant') throw unheard(client)
    else if (answer.error !== 'authorization_pending') throw ended(answer.error, client, answer)
  }
  throw tooLate
}

function unlessAway(error: unknown): undefined {
  if (!(error instanceof ProviderAway)) throw error
}

/** A code is good for one answer. */
const unheard = ({ issuer }: OidcClient): Failure =>
  new Failure(`the answer of ${issuer} did not arrive, and the code is used up`, 'knit login')

const tooLate = new Failure('nobody has signed in with the code in time', 'knit login')

function ended(error: string, { issuer }: OidcClient, { answer }: Refusal): Failure {
  if (error === 'expired_token') return tooLate
  if (error === 'access_denied') return new Failure('whoever had the code said no', 'knit login')
  return refusedBy(issuer, answer)
}

type Refusal = { answer: Parameters<typeof refusedBy>[1] }
