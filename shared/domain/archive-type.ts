/** The media types of archives, by how their bytes are compressed. What clients of the reference know is gzip. */
export const archiveTypes = {
  gzip: 'application/tar+gzip',
  zstd: 'application/tar+zstd',
} as const

/** How the bytes of an archive are compressed. */
export type Coding = keyof typeof archiveTypes
