/** Somebody else sends the rest of an archive. */
export class TakenOver extends Error {
  override readonly name = 'TakenOver'
}

/** Nothing is there of what came of an archive before; it has to come from its first byte. */
export class NotKept extends Error {
  override readonly name = 'NotKept'
}

/** What is sent of an archive does not follow what has come: so many bytes, of which that is the MD5. */
export class WrongOffset extends Error {
  override readonly name = 'WrongOffset'
  readonly bytes: number
  readonly md5: string

  constructor({ bytes, md5 }: { bytes: number; md5: string }) {
    super(`${bytes} bytes of the archive have come`)
    this.bytes = bytes
    this.md5 = md5
  }
}
