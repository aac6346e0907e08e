import * as z from 'zod'
import { runs } from '#shared/contracts/runs.ts'
import { positional } from '../args.ts'

/** Ids of runs as words of a command line, each once. */
export const runIds = positional(
  z
    .array(runs.show.params.shape.runId)
    .min(1)
    .transform((ids) => [...new Set(ids)])
    .describe('Ids of runs.'),
)
