import * as z from 'zod'
import { Role } from './role.ts'
import { Time } from './time.ts'

/** The name of a token is given once, for good: the audit tells who somebody was by it. */
export const TokenName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'expected 1 to 63 small letters, digits, dots, dashes and underscores, the first a letter or digit',
  )
  .describe('Name of a token.')

const day = 24 * 60 * 60

/** How long a token may be good for, in seconds. */
export const TokenLifetime = z
  .int()
  .positive()
  .max(3650 * day, 'a token is good for 3650 days at most')
  .default(90 * day)
  .describe('Seconds it is good for.')

/** A token, without its secret, which nobody keeps. */
export const Token = z
  .object({
    name: TokenName,
    role: Role,
    state: z.enum(['valid', 'expired', 'revoked']).describe('Whether it can be used.'),
    createdBy: z.string().describe('Who made it.'),
    createdAt: Time.describe('When it was made.'),
    expiresAt: Time.describe('From when on it cannot be used.'),
    lastUsedAt: Time.optional().describe('When it was used last, to the minute.'),
    revokedBy: z.string().optional().describe('Who revoked it.'),
    revokedAt: Time.optional().describe('When it was revoked.'),
  })
  .meta({ id: 'Token' })
export type Token = z.infer<typeof Token>
