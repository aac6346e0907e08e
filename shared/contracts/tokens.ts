import * as z from 'zod'
import { Role } from '#shared/domain/role.ts'
import { Token, TokenLifetime, TokenName } from '#shared/domain/token.ts'
import { limit } from './limit.ts'
import { resource, route } from './route.ts'

/** Tokens to sign in with. */
export const tokens = resource('tokens', {
  create: route(() => ({
    method: 'post',
    path: '/api/admin/tokens',
    summary: 'Make a token to sign in with. Its secret is in the answer, and nowhere else.',
    role: 'admin',
    body: z
      .object({ name: TokenName, role: Role, lifetime: TokenLifetime })
      .meta({ id: 'TokenRequest' }),
    response: Token.extend({
      secret: z.string().describe('What is sent as `Authorization: Bearer SECRET`.'),
    }).meta({ id: 'NewToken' }),
    problems: ['bad-request', 'too-large', 'token-name-taken'],
  })),
  list: route(() => ({
    method: 'get',
    path: '/api/admin/tokens',
    summary: 'List tokens, the newest first, also those that cannot be used any more.',
    role: 'admin',
    query: z.object({ limit }),
    response: z.array(Token),
    problems: ['bad-request'],
  })),
  revoke: route(() => ({
    method: 'delete',
    path: '/api/admin/tokens/:name',
    summary: 'Revoke a token: within 5 seconds nobody signs in with it, for good.',
    role: 'admin',
    params: z.object({ name: TokenName }),
    response: z.void(),
    status: 204,
    problems: ['token-not-found'],
  })),
})
