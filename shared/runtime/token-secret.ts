import { createHash, createHmac, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/*
 * `knit_`, 256 bits and their CRC-32, in hexadecimal: known at sight by people and by scanners for secrets, which need ask nobody
 * whether it is one (knit_[0-9a-f]{72}).
 */
const form = /^knit_([0-9a-f]{64})([0-9a-f]{8})$/

/** As many characters has every secret of a token. */
export const tokenLength = 'knit_'.length + 64 + 8

/** What a secret is made of; of no use to who does not know the signing key. */
export const newSeed = (): string => randomBytes(32).toString('hex')

/** The secret of a seed: always the same, so that who asks again is given the same, and it need not be kept for that. */
export function secretOf(seed: string, signingKey: string): string {
  const bits = createHmac('sha256', signingKey).update(`token ${seed}`).digest('hex')
  return `knit_${bits}${checksum(bits)}`
}

/** True for what may be the secret of a token; what was cut or mistyped is not. */
export function isTokenSecret(text: string): boolean {
  const [, bits = '', sum] = form.exec(text) ?? []
  return sum === checksum(bits)
}

/** What in a text has the form of one. */
export const tokensIn = (text: string): readonly string[] => text.match(/knit_[0-9a-f]{72}/g) ?? []

/** What is kept of a secret. Of 256 random bits nobody finds another, so it needs no salt, and may be looked up by an index. */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

const checksum = (bits: string): string => crc32(bits).toString(16).padStart(8, '0')
