import * as z from 'zod'
import { OidcClient } from '#shared/domain/oidc-client.ts'
import { resource, route } from './route.ts'

/** How to sign in. */
export const auth = resource('auth', {
  show: route(() => ({
    method: 'get',
    path: '/api/auth',
    summary: 'Say how to sign in here, besides with tokens of our own.',
    role: 'viewer',
    open: true,
    response: z
      .object({ oidc: OidcClient.optional().describe('With a provider of OpenID Connect.') })
      .meta({ id: 'SignIn' }),
    problems: [],
  })),
})
