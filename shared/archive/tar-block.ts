/** What tar streams are made of: headers are blocks, and content is filled up to whole ones. */
export const BLOCK = 512

/** Bytes between the end of a content and the end of its last block. */
export const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

/** The sum of the bytes of a header, those of the checksum itself taken as spaces. */
export function checksum(block: Buffer): number {
  let sum = 8 * 0x20
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0
  return sum
}
