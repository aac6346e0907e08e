import { access } from './access.ts'
import { admin } from './admin.ts'
import { auth } from './auth.ts'
import { data } from './data.ts'
import { explain } from './explain.ts'
import { imports } from './imports.ts'
import { lineage } from './lineage.ts'
import { plans } from './plans.ts'
import type { Route } from './route.ts'
import { runs } from './runs.ts'
import { tokens } from './tokens.ts'
import { events } from './watch.ts'

/** What everybody is told, who calls or not. */
export const openRoutes: Route[] = Object.values<Route>(auth)

/** Every route of the API that a function serves. */
export const routes: Route[] = [
  data,
  plans,
  runs,
  imports,
  lineage,
  explain,
  events,
  admin,
  tokens,
  access,
].flatMap((resource) => Object.values<Route>(resource))
