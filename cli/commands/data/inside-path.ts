import { posix } from 'node:path'

/** A path within data however it was typed: `./a/b/`, `/a/b` and `a/b` are the same; the root is ''. */
export const insidePath = (typed: string): string =>
  posix.normalize(`/${typed}`).slice(1).replace(/\/$/, '')
