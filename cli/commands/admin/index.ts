import { group } from '../../command.ts'

export default group('Look after the system.', {
  check: () => import('./check.ts'),
  events: () => import('./events.ts'),
  hooks: () => import('./hooks.ts'),
  token: () => import('./token.ts'),
  audit: () => import('./audit.ts'),
  garbage: () => import('./garbage.ts'),
})
