import { admin } from './admin.ts'
import { data } from './data.ts'
import { plans } from './plans.ts'
import type { Route } from './route.ts'
import { runs } from './runs.ts'

/** Every route of the API. */
export const routes: Route[] = [data, plans, runs, admin].flatMap((resource) =>
  Object.values<Route>(resource),
)
