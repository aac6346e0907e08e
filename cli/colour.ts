import type { Context } from './context.ts'

/** Whether what is written to a stream may be coloured. */
export const inColour = (stream: { isTTY?: boolean }, env: Context['env']): boolean =>
  Boolean(stream.isTTY) && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
