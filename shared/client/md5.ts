import type { Hash } from 'node:crypto'

/** The checksum that goes with an archive. What asks for nothing but JSON does not wait for `node:crypto` to load. */
export const md5 = (): Hash => process.getBuiltinModule('node:crypto').createHash('md5')
