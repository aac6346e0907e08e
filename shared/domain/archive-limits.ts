/** How much an archive may unpack to, by the names of the settings that say so; what is not given has no limit. */
export type ArchiveLimits = {
  /** Content of all files together. */
  maxDataBytes?: number
  /** Files, links and directories together. */
  maxDataEntries?: number
  /** Unpacked to packed bytes, counted from `archiveRatioFrom` on; as much as can be, unless given. */
  maxArchiveRatio?: number
  /** Unpacked bytes below which the ratio says nothing; 64 MiB, unless given. */
  archiveRatioFrom?: number
}
