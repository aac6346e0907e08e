import * as z from 'zod'

/** What somebody may do; each role may do what those before it may. */
export const roles = ['viewer', 'user', 'admin'] as const
export const Role = z
  .enum(roles)
  .describe(
    'viewer: reads; user: changes data, plans and runs as well; admin: looks after the system.',
  )
export type Role = z.infer<typeof Role>

/** True when `role` may do what `needed` may. */
export const mayAct = (role: Role, needed: Role): boolean =>
  roles.indexOf(role) >= roles.indexOf(needed)
