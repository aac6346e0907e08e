/** There is nothing at a path within a tree, or nothing that is inside of it. */
export class NoSuchFile extends Error {
  override readonly name = 'NoSuchFile'
}

/** What is there is something else than a file. */
export class NotAFile extends Error {
  override readonly name = 'NotAFile'
}

/** It is there, and cannot be read or named; the message says why. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

/** A file of that size has none of the bytes that are asked for. */
export class NoSuchBytes extends Error {
  override readonly name = 'NoSuchBytes'
  readonly size: number

  constructor(size: number) {
    super(`the file has ${size} bytes, and none of those that are asked for`)
    this.size = size
  }
}
