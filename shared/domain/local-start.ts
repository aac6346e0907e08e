import * as z from 'zod'
import { LocalPath } from './local-path.ts'

/** What a user may ask of a local home when it is started. */
export const localStart = {
  home: LocalPath.optional().describe(
    'Directory it lives in; else $KNIT_HOME, else ~/.local/state/knit.',
  ),
  port: z
    .string()
    .refine(isPort, 'expected the number of a port, from 0 to 65535')
    .optional()
    .describe('Port to listen on; 0 takes any free one.'),
  engine: z
    .enum(['auto', 'docker', 'podman', 'sandbox'])
    .optional()
    .describe('What runs the containers.'),
  database: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected postgres://USER:PASSWORD@HOST/DATABASE')
    .optional()
    .describe('A Postgres to use instead of the one inside; its password better from $PGPASSWORD.'),
  adopt: z
    .boolean()
    .optional()
    .describe('Take a --database over from another home that is gone for good, with its files.'),
  auth: z
    .boolean()
    .optional()
    .describe('Ask for a token, also of this machine; it is in the file of the profile.'),
}

export const LocalStart = z.object(localStart)
export type LocalStart = z.output<typeof LocalStart>

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535
}
