import * as z from 'zod'
import { SecureUrl } from './secure-url.ts'

/** What a client needs to sign somebody in at a provider; nothing of it is secret. */
export const OidcClient = z.object({
  issuer: SecureUrl.describe('The provider, as it names itself.'),
  clientId: z.string().describe('What a client calls itself there: a public one, without secret.'),
  scopes: z.array(z.string()).describe('What it asks for.'),
  audience: z
    .string()
    .optional()
    .describe('Whom the access token is to be for, which is sent then; else the ID token is.'),
})
export type OidcClient = z.infer<typeof OidcClient>
