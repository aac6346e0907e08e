import * as z from 'zod'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for a lower-case UUID of any version: what may be used as an id in a query. */
export const isId = (text: string): boolean => uuid.test(text)

const id = (what: string) =>
  z.string().regex(uuid, `expected the id of a ${what}: a lower-case UUID`).meta({ format: 'uuid' })

export const PlanId = id('plan').describe('Id of a plan.')
export const RunId = id('run').describe('Id of a run.')
export const KnitId = id('data').describe('Id of a data.')
export const ThingId = id('data or run').describe('Id of a data, or of a run.')
