/** The settings of what stands beside a user's program, as its environment has them. */
export const keeperVariables = {
  /** Whether anybody is to be able to remove what was written. */
  removable: 'KNIT_REMOVABLE',
} as const
