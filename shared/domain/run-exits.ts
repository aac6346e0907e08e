/** Exit codes the system itself gives. */
export const systemExits = {
  stopped: { code: 0, message: 'stopped by user' },
  aborted: { code: 253, message: 'aborted by user' },
  lost: { code: 254, message: 'worker for the run is not found' },
} as const

/** Code of a run that could not be started as it is written; the message says why. */
export const unstartableCode = 255
