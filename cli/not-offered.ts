import type { ApiError } from '#shared/client/api-error.ts'

/** What a server lacks, and what there is instead. */
type Lack = { what: string; next: string }

const asksNobody: Lack = {
  what: 'this server asks nobody who they are, and lets everybody do everything',
  next: 'knit data find --output table',
}

/** By the noun of a route, or by its name, what servers of the reference implementation lack. ID is what the command is about. */
const lacks: Record<string, Lack> = {
  access: asksNobody,
  auth: asksNobody,
  tokens: asksNobody,
  admin: {
    what: 'this server is not looked after by knit, but where it runs',
    next: 'kubectl get pods --namespace NAMESPACE',
  },
  explain: {
    what: 'this server does not explain; what a plan asks for is in its inputs',
    next: 'knit plan show ID --output yaml',
  },
  openapi: {
    what: 'this server does not tell its version; who has installed it can see that',
    next: 'helm list --all-namespaces',
  },
  'plans.usage': {
    what: 'this server does not count what runs have written',
    next: 'knit run find --planid ID --output table',
  },
  'runs.history': {
    what: 'this server keeps no history of runs',
    next: 'knit run show ID --output table',
  },
}

/** By these words such a server refuses what it has no route for. */
const noRoute = ['Not Found', 'Method Not Allowed']

/** Undefined when a server refuses for another reason, or is none of those. */
export function lackOf(
  { route, code, message }: ApiError,
  id: string | undefined,
): Lack | undefined {
  if (code !== undefined || !noRoute.includes(message)) return undefined
  const lack = lacks[route] ?? lacks[route.split('.', 1)[0] ?? '']
  return lack && { ...lack, next: lack.next.replace(/\bID\b/, id ?? 'ID') }
}
