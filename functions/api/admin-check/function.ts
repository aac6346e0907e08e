import { admin } from '#shared/contracts/admin.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(
  admin.check,
  ({ query: { patience } }, ctx) => checkInvariants(ctx, patience),
  { uses: ['listVolumes', 'listWorkers'] },
)
