import { constants } from 'node:fs'
import type { FileCall } from './gated-files.ts'

const making = ['mkdir', 'writeFile', 'write', 'symlink', 'link', 'rename']
const changing = [...making, 'rm', 'rmdir', 'unlink', 'chmod', 'chown']

const opensToMake = ({ name, arguments: [, flags = 'r'] }: FileCall): boolean =>
  name === 'open' &&
  (typeof flags === 'number' ? (flags & constants.O_CREAT) !== 0 : !String(flags).startsWith('r'))
/** Whether a call makes something. */
export const makes = (call: FileCall): boolean => making.includes(call.name) || opensToMake(call)
/** Whether it changes anything. */
export const changes = (call: FileCall): boolean =>
  changing.includes(call.name) || opensToMake(call)
