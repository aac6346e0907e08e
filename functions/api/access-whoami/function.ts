import { access } from '#shared/contracts/access.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(access.whoami, async (_, { principal }) => principal)
