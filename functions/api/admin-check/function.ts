import { admin } from '#shared/contracts/admin.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(
  admin.check,
  ({ query: { patience } }, ctx) => checkInvariants(ctx, patience),
  // It looks at everything there is.
  { timeout: 300, limits: { memory: '512Mi' }, uses: ['listVolumes', 'listWorkers'] },
)
